"""The `listen-test` commands: create and analyse blind listening tests."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from unheard.cli import console
from unheard.cli.console import EvaluationSplitOption, JsonFlag, WorkspaceOption
from unheard.errors import UserError, quoted
from unheard.workspace import Workspace

listen_test = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

NameOption = Annotated[str, typer.Option("--name", help="Name of the study: a-z, 0-9, dashes.", show_default=False)]


class Kinds(StrEnum):
    """Kinds of study."""

    RATE = "rate"
    AB = "ab"


@listen_test.command()
def create(
    workspace: WorkspaceOption,
    name: NameOption,
    models: Annotated[str, typer.Option(help="Models to compare, with commas between them.", show_default=False)],
    seeds: Annotated[
        str, typer.Option(help="Track ids with commas between them, or auto:N for N test tracks.", show_default=False)
    ],
    raters: Annotated[int, typer.Option(help="How many people will listen.", show_default=False)],
    kind: Annotated[
        Kinds, typer.Option(help="rate: similarity and liking. ab: which of two fits better.")
    ] = Kinds.RATE,
    k: Annotated[int, typer.Option(help="Number of tracks of each model's list to use.")] = 3,
    clip_s: Annotated[float, typer.Option(help="Length of every clip in seconds.")] = 20.0,
    split: EvaluationSplitOption = None,
    seeds_per_rater: Annotated[
        int | None,
        typer.Option(help="Number of seeds of each rater. Default: all.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of everything except the links.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Create a blind, balanced study and print one link for each rater; `unheard serve` serves its pages."""
    from unheard.listening_test.create import StudyOptions
    from unheard.listening_test.create import create as run

    options = StudyOptions(
        name=name,
        models=tuple(part.strip() for part in models.split(",") if part.strip()),
        seeds=seeds,
        n_raters=raters,
        kind=kind.value,
        k=k,
        clip_s=clip_s,
        split=split,
        seeds_per_rater=seeds_per_rater,
        seed=seed,
    )
    with console.progress_bars() as progress:
        made = run(Workspace.open(workspace), options, progress=progress)
    study = made.study
    links = [
        {"rater": rater.name, "link": f"/listen/{rater.token}", "items": len(rater.items)} for rater in study.raters
    ]
    if json:
        console.print_json(links)
    else:
        rows = [list(link.values()) for link in links]
        console.out.print(console.table(f"Links of {name}", ["rater", "link", "items"], rows, right=frozenset({2})))
    for problem in made.skipped:
        console.say(f"skipped: {problem}")
    items = max(len(rater.items) for rater in study.raters)
    console.say(
        f"{made.folder}: {len(study.clips)} clips at {study.loudness_lufs:.1f} LUFS, about "
        f"{study.minutes(items):.0f} minutes for each rater. `unheard serve -w {quoted(workspace)}` serves the "
        "pages; append a link to its address. study.json is the key to the blinding: show it to no rater"
    )


@listen_test.command()
def analyse(
    workspace: WorkspaceOption,
    name: NameOption,
    json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the means as CSV instead of tables.")] = False,
) -> None:
    """Screen the raters and compare the models; print the tables, and write them, all answers and a figure."""
    from unheard.listening_test.analyse import ConditionMean
    from unheard.listening_test.analyse import analyse as run
    from unheard.listening_test.analysis_tables import (
        agreement_text,
        as_json,
        means_csv_rows,
        tables,
        write_analysis,
        write_rows,
    )
    from unheard.listening_test.study import study_dir

    if json and as_csv:
        raise UserError("--json and --csv: both go to stdout; leave one out")
    opened = Workspace.open(workspace)
    found = run(opened, name)
    folder = study_dir(opened, name) / "analysis"
    write_analysis(folder, found)
    if json:
        console.print_json(as_json(found))
    elif as_csv:
        write_rows(sys.stdout, ConditionMean, means_csv_rows(found))
    else:
        for drawn in tables(found):
            console.out.print(
                console.table(drawn.title, drawn.columns, drawn.rows, right=frozenset(range(1, len(drawn.columns))))
            )
            console.out.print()
        console.say(agreement_text(found))
    console.say(f"{folder}: tables as CSV and JSON, all answers, and the figure")
