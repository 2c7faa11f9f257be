"""The verb that tells: report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import EvaluationSplitOption, WorkspaceOption
from unheard.workspace import Workspace


class Listeners(StrEnum):
    """Who made the playlists, when it has to be said."""

    SIMULATED = "simulated"


def report(
    workspace: WorkspaceOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the page and its figures.")] = Path(
        "report"
    ),
    split: EvaluationSplitOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="Show only this model's lists, history and filters (repeatable). Default: all."),
    ] = None,
    seed_tracks: Annotated[
        list[str] | None,
        typer.Option(
            "--seed-track", help="List what every model puts beside this track (repeatable). Default: two test tracks."
        ),
    ] = None,
    listeners: Annotated[
        Listeners | None,
        typer.Option(
            help="Say at the top of the page that the listeners are simulated. A demo's page says so itself.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write one HTML page with figures: the collection, results, playlists side by side, the networks from inside."""
    from unheard.report.report import write_report

    opened = Workspace.open(workspace)
    with console.progress_bars() as progress:
        written = write_report(
            opened,
            output,
            split,
            models=models or (),
            seed_tracks=seed_tracks or (),
            listeners=None if listeners is None else "simulated",
            progress=progress,
        )
    console.say(f"{written.n_figures} figures are beside it, in {output / 'figures'}")
    console.out.print(str(written.page), markup=False, soft_wrap=True)
