"""One model against its rivals, with every fold tested in turn.

A split of few artists tests few of them, and a lead on a dozen artists may be those artists'. So the folds are rotated:
in rotation r of five, folds 2r-2 and 2r-1 (modulo ten) test, the one before them validates, seven train; every track is
tested once, and nothing that is fitted in a rotation has seen its test tracks. Rotation 0 is the split itself.

How figures are made and resampled is told in pairs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unheard.errors import MissingStageError, UserError
from unheard.evaluate.table import Table
from unheard.experiments.pairs import CHANCE, SURE, Pairs, Values, keep, leads, measure, rows_of, tables_of
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_split_factors
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.models.recipe import Recipe
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, UNTRAINED, without_part
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.hybrids import als_config
from unheard.splits import EVALUATION_SPLITS, Split, UseName, load_split, load_splits, write_splits
from unheard.training.train import DEFAULT_RECIPE, train
from unheard.workspace import Workspace

NAME = "rivals"
TITLE = "The default model against its rivals"
N_FOLDS = 10
TESTED = 2  # folds of a rotation that test


@dataclass(frozen=True)
class Settings:
    """models: recipes that are trained with seeds 0 .. seeds - 1, and baselines; `default` is compared with each."""

    models: tuple[str, ...]
    default: str = DEFAULT_RECIPE
    seeds: int = 3
    rotations: int = 5
    device: str = "auto"


def rotated(split: Split, turn: int) -> Split:
    """The split with other folds tested; turn 0 is the split itself. UserError unless it has the ten standard folds."""
    standard: dict[UseName, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6), "val": (7,), "test": (8, 9)}
    if {use: tuple(folds) for use, folds in split.use.items()} != standard or split.cutoff_timestamp is not None:
        raise UserError(
            f"split {split.name!r}: rotating needs ten folds of which 0-6 train, 7 validates and 8-9 test, and no "
            "cutoff; use another split, or --rotations 1"
        )
    if turn == 0:
        return split
    moved = {use: tuple(sorted((fold + TESTED * turn) % N_FOLDS for fold in folds)) for use, folds in standard.items()}
    return replace(split, name=f"{split.name}-turn{turn}", use=moved)


def run_rivals(
    workspace: Workspace, split_name: str | None, settings: Settings, *, progress: Progress = silent
) -> dict[str, Any]:
    """Train what is not trained, measure, and write experiments/rivals-<split>.json. A killed run goes on.

    UserError for an unknown model or a split that cannot be rotated.
    """
    split = load_split(workspace, split_name, prefer=EVALUATION_SPLITS)
    if not 1 <= settings.rotations <= N_FOLDS // TESTED:
        raise UserError(f"rotations: expected 1 to {N_FOLDS // TESTED}, found {settings.rotations}")
    turns = [rotated(split, turn) for turn in range(settings.rotations)] if settings.rotations > 1 else [split]
    recipes = {wanted: load_any_recipe(without_part(wanted)) for wanted in _to_train(settings)}
    called = {wanted: recipe.name + wanted.removeprefix(without_part(wanted)) for wanted, recipe in recipes.items()}
    default = called.get(settings.default, settings.default)
    names = list(dict.fromkeys([CHANCE, *(called.get(name, name) for name in settings.models), default, ORACLE]))
    pairs: list[Pairs] = []
    gains: dict[str, list[Values]] = {name: [] for name in names}
    coverage: dict[str, list[float]] = {name: [] for name in names}
    for number, turn in enumerate(turns):
        _prepare(workspace, split, turn, progress)
        catalogue = _trained(workspace, turn, list(recipes.values()), settings, progress)
        found = measure(
            workspace,
            catalogue,
            names,
            set(called.values()),
            settings.seeds,
            progress,
            f"measuring {number + 1} of {len(turns)}",
        )
        pairs.append(found[0])
        for name in names:
            gains[name].append(found[1][name])
            coverage[name].append(found[2][name])
    everything = Pairs(*(np.concatenate([getattr(some, key) for some in pairs]) for key in vars(pairs[0])))
    rows = rows_of(everything, {name: np.concatenate(some, axis=1) for name, some in gains.items()}, default)
    for row in rows:
        row["coverage"] = float(np.mean(coverage[row["model"]]))
    findings = {
        "split": split.name,
        "default": default,
        "seeds": settings.seeds,
        "rotations": len(turns),
        "pairs": len(everything.share),
        "playlists": len(np.unique(everything.playlist)),
        "artists": len(np.unique(everything.artist)),
        "rows": rows,
    }
    keep(workspace, f"{NAME}-{split.name}", TITLE, about_text(findings), rivals_tables(findings), findings)
    return findings


def _to_train(settings: Settings) -> list[str]:
    """Everything that is asked for and is no baseline."""
    return [name for name in dict.fromkeys([*settings.models, settings.default]) if name not in (*UNTRAINED, ORACLE)]


def _prepare(workspace: Workspace, split: Split, turn: Split, progress: Progress) -> None:
    """The rotation's split and warm factors, made as those of the split itself were."""
    if turn != split and load_split_factors(workspace, split).config.get("source") == "imported":
        raise UserError(
            f"split {split.name!r}: its factors were imported, and other folds need factors of their own; "
            "say --rotations 1"
        )
    splits = load_splits(workspace)
    if splits.get(turn.name) != turn:
        write_splits(workspace.splits_path, {**splits, turn.name: turn})
    try:
        load_split_factors(workspace, turn)
    except MissingStageError:
        compute_factors(workspace, turn.name, als_config(workspace, split.name), progress=progress)


def _trained(
    workspace: Workspace,
    split: Split,
    recipes: Sequence[Recipe | RankerRecipe],
    settings: Settings,
    progress: Progress,
) -> Catalogue:
    """Train every recipe with every seed."""
    for recipe in recipes:
        for seed in range(settings.seeds):
            train(workspace, recipe, split, seed=seed, device=settings.device, progress=progress)
    return load_catalogue(workspace, split.name, need_full=True)


def rivals_tables(findings: dict[str, Any]) -> list[Table]:
    """Figures of every model, and the default's lead over each."""
    trained = f"{findings['rotations']} rotations, {findings['seeds']} seeds"
    return tables_of(findings["rows"], f"Split {findings['split']}, cold tracks", trained, findings["default"])


def about_text(findings: dict[str, Any]) -> str:
    """How to read the tables, and over whom a lead is claimed."""
    unsure = [row["model"] for row in findings["rows"] if "recall_lead" in row and not leads(row)]
    default = findings["default"]
    said = f"{default} leads all of them by both figures."
    if unsure:
        said = f"No lead of {default} by both figures is claimed over {', '.join(unsure)}."
    return (
        f"{findings['playlists']} playlists and {findings['artists']} artists, both resampled; 95 % intervals. Every "
        "figure of a trained model is the mean of its seeds, whose own spread no interval holds. A lead is claimed "
        f"where its interval lies above 0 and the corrected p is at most {SURE}. {said}"
    )
