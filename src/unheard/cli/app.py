"""Define the application: its commands, in the order in which they are used, and the handling of errors."""

from __future__ import annotations

import errno
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
from unheard.errors import UnheardError, UserError
from unheard.library import explain


class Commands(TyperGroup):
    """Runs a command; prints an error of unheard as one line and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UnheardError as error:
            console.fail(error)
        except sqlite3.Error as error:  # SQLite finds a damaged page or a lock when it reads or writes rows
            explained = explain(error, "library.sqlite")
            if explained is None:
                raise
            console.fail(explained)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            console.fail(UserError("the disk is full; make room and run the same command again"))
        except KeyboardInterrupt:
            console.say("stopped; completed work is stored, and the same command continues from there")
            raise SystemExit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)  # in the order of registration, not of the alphabet


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Recommend music nobody has played yet: learn from playlists and audio, and rank new tracks.",
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
    """Options of the application itself."""


for command in (
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
    library_commands.forget,
    library_commands.doctor,
    library_commands.migrate,
    demo.demo,
):
    app.command(command.__name__.replace("import_plays", "import").replace("draw_map", "map"))(command)

app.add_typer(listen_test.listen_test, name="listen-test", help="Create and analyse blind listening tests.")
app.add_typer(experiments.experiment, name="experiment", help="Run an experiment: trainings and measurements.")
