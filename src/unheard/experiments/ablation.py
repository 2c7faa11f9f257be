"""Ablation: measure a blend without each of its members.

The other members stay as they were fitted, and their weights are learned again (training/ablate.py). Metrics and
intervals are those of pairs.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from unheard.errors import MissingStageError, UserError, quoted
from unheard.evaluate.result_tables import Table
from unheard.experiments.experiment import Experiment, Findings, Option
from unheard.experiments.pairs import CHANCE, SURE, leads, measure, resampled, rows_of, tables_of
from unheard.progress import Progress
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.models import ORACLE
from unheard.splits import EVALUATION_SPLITS, load_split
from unheard.workspace import Workspace


@dataclass(frozen=True)
class Options:
    """The blend, and how many trainings of it (seeds 0 .. seeds - 1) the metrics are averaged over."""

    model: Annotated[str, Option("A trained blend.")] = "blend"
    seeds: Annotated[int, Option("Trainings of it to average over.", minimum=1)] = 3


def run(workspace: Workspace, split_name: str | None, options: Options, progress: Progress) -> Findings:
    """Measure the blend without each of its members.

    MissingStageError if it was not trained with all seeds, UserError for a model of one member.
    """
    from unheard.training.ablate import without_member

    model, seeds = options.model, options.seeds
    split = load_split(workspace, split_name, prefer=EVALUATION_SPLITS)
    trained = [f"{model}@{seed}" if seed else model for seed in range(seeds)]
    n_members = _check_trained(workspace, split.name, model, trained)
    made: list[list[str]] = []
    try:
        for member in range(n_members):
            progress("leaving out", member, n_members)
            made.append([without_member(workspace, split.name, name, member) for name in trained])
        progress("leaving out", n_members, n_members)
        reduced = [names[0] for names in made]
        names = [CHANCE, *reduced, model, ORACLE]
        catalogue = load_catalogue(workspace, split.name, need_full=True)
        pairs, gains, covered = measure(workspace, catalogue, names, {model, *reduced}, seeds, progress, "measuring")
    finally:  # the reduced models are of no use to other commands
        for name in (name for names in made for name in names):
            shutil.rmtree(workspace.model_dir(split.name, name))
    rows = rows_of(pairs, gains, model)
    for row in rows:
        row["coverage"] = covered[row["model"]]
    return {
        "split": split.name,
        "default": model,
        "seeds": seeds,
        "playlists": len(np.unique(pairs.playlist)),
        "artists": len(np.unique(pairs.artist)),
        "rows": rows,
    }


def _check_trained(workspace: Workspace, split: str, model: str, trained: Sequence[str]) -> int:
    """Return the number of members of the blend."""
    from unheard.inference.predictions import RANKER_FILE
    from unheard.inference.ranker_checkpoint import load_ranker
    from unheard.training.ablate import label_of

    for name in trained:
        if not (workspace.model_dir(split, name) / RANKER_FILE).is_file():
            seed = name.partition("@")[2] or "0"
            raise MissingStageError(
                f"no model {name!r} under split {split!r}",
                f"unheard train {model} -w {quoted(workspace.root)} --split {split} --seed {seed}",
            )
    members = load_ranker(workspace.model_dir(split, model) / RANKER_FILE).recipe.members
    if len({label_of(member) for member in members}) < len(members):
        raise UserError(
            f"{model!r} has two members of the same kind; the table of an ablation names members by their kind, so "
            "expected each kind once"
        )
    return len(members)


def tables(findings: Findings) -> list[Table]:
    """Return metrics of the blend with and without each member, and the lead of the whole blend."""
    title = f"Split {findings['split']}, cold tracks"
    return tables_of(findings["rows"], title, f"{findings['seeds']} seeds", findings["default"])


def summary(findings: Findings) -> str:
    """Explain the tables and name the members whose contribution is significant."""
    sure = [row["model"] for row in findings["rows"] if "recall_lead" in row and row["model"] != CHANCE and leads(row)]
    result = "No member contributes significantly."
    if sure:
        result = f"{findings['default']} is significantly better than {', '.join(sure)}."
    return (
        f"Each line measures the blend without one member, after the weights of the others are learned again. "
        f"{resampled(findings)}; intervals are 95 %, "
        "values are means over seeds. A lead is significant where its interval lies above 0 and the corrected p "
        f"is at most {SURE}, by recall and by nDCG. {result}"
    )


ABLATION = Experiment(
    name="ablation",
    title="Ablation of a blend",
    help="Measure a blend without each of its members. The weights of the others are learned again.",
    options=Options,
    run=run,
    tables=tables,
    summary=summary,
    per_split=True,
)
