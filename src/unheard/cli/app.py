"""Define the application: its commands, in the order in which they are used, and the handling of errors."""

from __future__ import annotations

import errno
import gc
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unheard.cli import (
    backup,
    cluster,
    console,
    demo,
    evaluation,
    experiments,
    features,
    go,
    index,
    listen_test,
    listenbrainz,
    playlists,
    serve,
    serve_key,
    spotify,
    sync,
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
    search as search_commands,
)
from unheard.cli import (
    training as training_commands,
)
from unheard.cli.default_workspace import VARIABLE, use_default_workspace
from unheard.cli.logs import Format
from unheard.errors import UnheardError, UserError
from unheard.system_errors import explain_sqlite, full_disk


class Commands(TyperGroup):
    """Runs a command; prints an error of unheard as one line and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        gc.enable()
        use_default_workspace()
        named = [*getattr(ctx, "_protected_args", ()), *ctx.args, os.environ.get(VARIABLE, "")]
        there = filter(os.path.exists, filter(None, named))  # False for a name that is too long
        folders = [*map(Path, there), Path(tempfile.gettempdir()), Path.cwd()]
        try:
            return super().invoke(ctx)
        except UnheardError as error:
            console.fail(error)
        except sqlite3.Error as error:  # SQLite finds a damaged page or a lock when it reads or writes rows
            path = next((folder for folder in folders if (folder / "workspace.json").is_file()), Path())
            explained = explain_sqlite(error, path / "library.sqlite")
            if explained is None:
                raise
            console.fail(explained)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                console.fail(UserError(f"{error.filename!s:.80}...: is too long for the name of a file; name another"))
            full = full_disk(error, folders)
            if full is None:
                raise
            console.fail(full)
        except KeyboardInterrupt:
            console.say("stopped; completed work is stored, and the same command continues from there")
            raise SystemExit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for commands in self._panels().values() for name in commands]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write the first sentence of each command, in the panels of COMMANDS."""
        for panel, names in self._panels().items():
            with formatter.section(panel):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=1000)) for name in names])

    def _panels(self) -> dict[str, list[str]]:
        """Return the names of the commands of each panel, in the order of registration."""
        panels: dict[str, list[str]] = {panel: [] for panel in COMMANDS}
        for name, command in self.commands.items():
            panels[str(getattr(command, "rich_help_panel", ""))].append(name)
        return panels


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Recommend music nobody has played yet: learn from playlists and audio, and rank new tracks.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from unheard import __version__  # reads the metadata of the package

        typer.echo(f"unheard {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    log_format: Annotated[
        Format, typer.Option("--log-format", help="Messages and progress on stderr: text, or json for programs.")
    ] = "text",
) -> None:
    """Options of the application itself."""
    console.use_log_format(log_format)


COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Your music": (
        go.go,
        library_commands.init,
        library_commands.scan,
        library_commands.import_plays,
        listenbrainz.listenbrainz,
        sync.sync,
        search_commands.tracks,
    ),
    "Training": (
        library_commands.split,
        features.features,
        training_commands.factors,
        weights.weights,
        training_commands.tune,
        training_commands.train,
        training_commands.export_model,
    ),
    "Lists": (
        recommend_commands.similar,
        recommend_commands.recommend,
        recommend_commands.embed,
        map_command.draw_map,
        index.index,
        spotify.spotify,
    ),
    "Measuring": (evaluation.evaluate, evaluation.export, report_commands.report),
    "Server": (serve.serve, serve_key.serve_key),
    "Workspace": (
        library_commands.status,
        library_commands.errors,
        library_commands.forget,
        library_commands.doctor,
        backup.backup,
        backup.restore,
        library_commands.migrate,
        demo.demo,
    ),
}
for panel, commands in COMMANDS.items():
    for command in commands:
        name = command.__name__.replace("import_plays", "import").replace("draw_map", "map").replace("_", "-")
        app.command(name, rich_help_panel=panel)(command)
for name, group, panel, about in (
    ("playlists", playlists.playlists, "Lists", "Find playlists; keep lists that are made anew in place."),
    ("listen-test", listen_test.listen_test, "Measuring", "Create and analyse blind listening tests."),
    ("experiment", experiments.experiment, "Measuring", "Run an experiment: trainings and measurements."),
    (
        "cluster",
        cluster.cluster,
        "Workspace",
        "Run the costly commands on a Spark cluster.",
    ),
):
    app.add_typer(group, name=name, help=about, rich_help_panel=panel)
