"""The `evaluate` command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

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
    from unheard.artefacts import write_text
    from unheard.evaluate.evaluate import evaluate as run
    from unheard.evaluate.result_tables import tables, to_markdown, warnings
    from unheard.evaluate.results import write_results
    from unheard.evaluate.summary import summaries
    from unheard.recommend.models import trained_elsewhere, trained_models
    from unheard.splits import EVALUATION_SPLITS, load_split

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
    if json is not None:
        comparisons_path = write_results(json, results)
        console.say(f"{json}: {len(results.rows)} figures; {comparisons_path}: comparisons of models")
    if markdown is not None:
        write_text(markdown, to_markdown(results))
        console.say(f"wrote {markdown}")
