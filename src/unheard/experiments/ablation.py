"""What each part of a blend adds: the blend without it, and it alone, beside the whole.

Without a part, the others stay as they were fitted and their weights are learned again (training/ablate.py). How
figures are made and resampled is told in pairs.py.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from unheard.errors import MissingStageError, UserError
from unheard.evaluate.table import Table
from unheard.experiments.pairs import CHANCE, SURE, keep, leads, measure, rows_of, tables_of
from unheard.inference.predictions import RANKER_FILE
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE
from unheard.recommend.catalogue import load_catalogue
from unheard.splits import EVALUATION_SPLITS, load_split
from unheard.training.ablate import label_of, without_member
from unheard.workspace import Workspace

NAME = "ablation"
TITLE = "What each part of a blend adds"


def run_ablation(
    workspace: Workspace, split_name: str | None, model: str, *, seeds: int = 3, progress: Progress = silent
) -> dict[str, Any]:
    """Measure `model` (seeds 0 .. seeds - 1) without each of its parts; writes experiments/ablation-<split>.json.

    MissingStageError if it was not trained with all seeds, UserError for a model of one part.
    """
    split = load_split(workspace, split_name, prefer=EVALUATION_SPLITS)
    trained = [f"{model}@{seed}" if seed else model for seed in range(seeds)]
    for name in trained:
        if not (workspace.model_dir(split.name, name) / RANKER_FILE).is_file():
            seed = name.partition("@")[2] or "0"
            raise MissingStageError(
                f"no model {name!r} under split {split.name!r}",
                f"unheard train {model} -w {workspace.root} --split {split.name} --seed {seed}",
            )
    members = load_ranker(workspace.model_dir(split.name, model) / RANKER_FILE).recipe.members
    if len({label_of(member) for member in members}) < len(members):
        raise UserError(f"{model!r} has two members of one kind, which this table cannot tell apart")
    made: list[list[str]] = []
    try:
        for place in range(len(members)):
            progress("leaving out", place, len(members))
            made.append([without_member(workspace, split.name, name, place) for name in trained])
        progress("leaving out", len(members), len(members))
        reduced = [names[0] for names in made]
        names = [CHANCE, *reduced, model, ORACLE]
        catalogue = load_catalogue(workspace, split.name, need_full=True)
        pairs, gains, covered = measure(workspace, catalogue, names, {model, *reduced}, seeds, progress, "measuring")
    finally:  # nobody else asks for models without a part
        for name in (name for names in made for name in names):
            shutil.rmtree(workspace.model_dir(split.name, name))
    rows = rows_of(pairs, gains, model)
    for row in rows:
        row["coverage"] = covered[row["model"]]
    findings = {
        "split": split.name,
        "default": model,
        "seeds": seeds,
        "playlists": len(np.unique(pairs.playlist)),
        "artists": len(np.unique(pairs.artist)),
        "rows": rows,
    }
    keep(workspace, f"{NAME}-{split.name}", TITLE, about_text(findings), ablation_tables(findings), findings)
    return findings


def ablation_tables(findings: dict[str, Any]) -> list[Table]:
    """Figures of the whole and of what is left without each part, and the lead of the whole."""
    title = f"Split {findings['split']}, cold tracks"
    return tables_of(findings["rows"], title, f"{findings['seeds']} seeds", findings["default"])


def about_text(findings: dict[str, Any]) -> str:
    """How to read the tables, and which parts are sure to add something."""
    sure = [row["model"] for row in findings["rows"] if "recall_lead" in row and row["model"] != CHANCE and leads(row)]
    said = f"{findings['default']} is certain to lead {', '.join(sure)}." if sure else "No part is certain to add."
    return (
        f"{findings['playlists']} playlists and {findings['artists']} artists, both resampled; 95 % intervals; means "
        "of seeds. Without a part, the weights of the others are learned again. A lead is certain where its interval "
        f"lies above 0 and the corrected p is at most {SURE}. {said}"
    )
