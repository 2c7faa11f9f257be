"""The application: its verbs in the order in which a person needs them, and what every verb does on errors."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unheard import __version__
from unheard.cli import (
    console,
    demo,
    evaluation,
    experiments,
    features,
    listen_test,
    serve,
    spotify,
    weights,
)
from unheard.cli import (
    library as library_commands,
)
from unheard.cli import map as map_command
from unheard.cli import (
    recommend as recommend_commands,
)
from unheard.cli import (
    report as report_commands,
)
from unheard.cli import (
    training as training_commands,
)
from unheard.errors import UnheardError
from unheard.library import explain


class Verbs(TyperGroup):
    """Runs a verb; our errors become one line and their exit code, Ctrl-C becomes advice."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UnheardError as error:
            console.fail(error)
        except sqlite3.Error as error:  # a damaged page or a lock is met only when rows are read or written
            told = explain(error, "library.sqlite")
            if told is None:
                raise
            console.fail(told)
        except KeyboardInterrupt:
            console.say("stopped; nothing is lost, the same command goes on from here")
            raise SystemExit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)  # as registered, not by alphabet


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Recommends music nobody has played yet: learns from playlists, listens to the audio, ranks new tracks.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"unheard {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of all verbs."""


for verb in (
    library_commands.init,
    library_commands.scan,
    library_commands.import_plays,
    library_commands.split,
    features.features,
    training_commands.factors,
    weights.weights,
    training_commands.tune,
    training_commands.train,
    recommend_commands.similar,
    recommend_commands.recommend,
    recommend_commands.embed,
    evaluation.evaluate,
    map_command.draw_map,
    report_commands.report,
    serve.serve,
    spotify.spotify,
    library_commands.status,
    library_commands.errors,
    library_commands.doctor,
    library_commands.migrate,
    demo.demo,
):
    app.command(verb.__name__.replace("import_plays", "import").replace("draw_map", "map"))(verb)

app.add_typer(listen_test.listen_test, name="listen-test", help="Blind listening tests: make one, analyse one.")
app.add_typer(experiments.experiment, name="experiment", help="Run an experiment: many trainings, one question.")
