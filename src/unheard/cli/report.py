"""The `report` command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import EvaluationSplitOption, WorkspaceOption
from unheard.workspace import Workspace


class Listeners(StrEnum):
    """Origin of the playlists."""

    SIMULATED = "simulated"


def report(
    workspace: WorkspaceOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the page and its figures.")] = Path(
        "report"
    ),
    split: EvaluationSplitOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="Show only lists, history and filters of this model (repeatable). Default: all."),
    ] = None,
    seed_tracks: Annotated[
        list[str] | None,
        typer.Option(
            "--seed-track",
            help="List the neighbours of this track by every model (repeatable). Default: two test tracks.",
        ),
    ] = None,
    listeners: Annotated[
        Listeners | None,
        typer.Option(
            help="Add a notice that the listeners are simulated. The report of a demo always has it.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write one HTML page with figures: the collection, results, lists of all models, trained networks."""
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
    console.say(f"wrote {written.n_figures} figures to {output / 'figures'}")
    console.out.print(str(written.page), markup=False, soft_wrap=True)
