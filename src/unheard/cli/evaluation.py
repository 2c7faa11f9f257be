"""The commands `evaluate` and `export`."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import EvaluationSplitOption, WorkspaceOption
from unheard.workspace import Workspace


def evaluate(
    workspace: WorkspaceOption,
    split: EvaluationSplitOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="Only this model (repeatable). Default: all baselines and all trained models."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write every figure, unrounded, to this file.", show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the tables as Markdown.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print every table, not only the headline figures.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties and of the bootstrap.")] = 0,
) -> None:
    """Measure every model on tracks that were not used for training, with chance, oracle and 95 % intervals."""
    from unheard.atomic_files import write_text
    from unheard.evaluate.evaluate import evaluate as run
    from unheard.evaluate.result_tables import tables, to_markdown, warnings
    from unheard.evaluate.results import write_results
    from unheard.evaluate.summary import headline_figures, summaries
    from unheard.recommend.models import trained_elsewhere, trained_models
    from unheard.run_records import record_run
    from unheard.splits import EVALUATION_SPLITS, load_split

    started = time.monotonic()
    opened = Workspace.open(workspace)
    measured = load_split(opened, split, prefer=EVALUATION_SPLITS).name
    if models is None and not trained_models(opened, measured):
        train = shlex.join(["unheard", "train", "-w", str(workspace), "--split", measured])
        console.say(
            f"only baselines: no model is trained on split {measured!r}{trained_elsewhere(opened, measured)}; "
            f"to evaluate one, run `{train}`"
        )
    with console.progress_bars() as progress:
        results = run(opened, split, models=models, seed=seed, progress=progress)
    for drawn in tables(results) if full else summaries(results):
        console.out.print(
            console.table(drawn.title, drawn.columns, drawn.rows, right=frozenset(range(1, len(drawn.columns))))
        )
        console.out.print()
    for warning in warnings(results):
        console.say(f"note: {warning}")
    write_results(opened.results_path(results.split), results)
    record_run(
        opened,
        "evaluate",
        arguments=sys.argv[1:],
        seconds=time.monotonic() - started,
        settings={"split": measured, "models": models},
        seed=seed,
        figures=headline_figures(results),
    )
    if json is not None:
        comparisons_path = write_results(json, results)
        console.say(f"{json}: {len(results.rows)} figures; {comparisons_path}: comparisons of models")
    if markdown is not None:
        write_text(markdown, to_markdown(results))
        console.say(f"wrote {markdown}")


def export(
    workspace: WorkspaceOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="A new folder; its name is the name of the data set.")],
    to: Annotated[
        Literal["recbole", "coldrec", "acarec", "ranx"],
        typer.Option(help="Layout: recbole, coldrec or acarec write the split; ranx writes test plays and lists."),
    ],
    split: EvaluationSplitOption = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="ranx: only lists of this model (repeatable). Default: all."),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, help="ranx: number of tracks of a list. Default: 1000.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties and of the plays that are held out.")] = 0,
) -> None:
    """Write a split, or the lists of models, for other projects' code: RecBole, ColdRec, ACARec, ranx."""
    from unheard.errors import UserError
    from unheard.evaluate.exports.layouts import export_split

    if (models or n) and to != "ranx":
        raise UserError(f"--model, -n: lists are written for ranx only; use --to ranx, or leave them out for {to}")
    done = export_split(Workspace.open(workspace), output, to, split=split, models=models, n=n or 1000, seed=seed)
    console.say(f"{output}: split {done} for {to}")
