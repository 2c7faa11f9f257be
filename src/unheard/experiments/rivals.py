"""One model against its rivals, with every fold tested in turn.

A split of few artists tests few of them, and a lead on a dozen artists may be those artists'. So the folds are rotated:
in rotation r of five, folds 2r-2 and 2r-1 (modulo ten) test, the one before them validates, seven train; every track is
tested once, and nothing that is fitted in a rotation has seen its test tracks. Rotation 0 is the split itself.

Each sought (playlist, test track) pair adds its share to the figures:

    recall@20   hit / |R|                         of 1 / |R|
    nDCG@20     1 / log2(rank + 1) / ideal        of 1 / |R|

with |R| and the ideal of its playlist in its rotation. Over all pairs, the sum of the first over the sum of the second
is the mean over playlists (and rotations). Intervals resample playlists and artists at once (pigeonhole bootstrap,
Owen 2007): a pair counts as often as its playlist is drawn times as often as its track's artist is. That is wide, and
honest: it asks what would have been with other listeners and with other musicians. Figures of a trained model are means
over its seeds; differences are paired and Holm-corrected over the rivals of a figure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import write_json
from unheard.errors import MissingStageError, UserError
from unheard.evaluate import diversity
from unheard.evaluate.evaluate import check_measurable
from unheard.evaluate.intervals import N_RESAMPLES, Resamples, holm, p_value, percentile_interval
from unheard.evaluate.recommend import K, prepare_recommend, rank
from unheard.evaluate.table import Table
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_split_factors
from unheard.models.ranker_recipe import RankerRecipe, load_any_recipe
from unheard.models.recipe import Recipe
from unheard.progress import Progress, silent
from unheard.recommend.build import ORACLE, UNTRAINED, make_recommender, without_part
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.hybrids import als_config
from unheard.recommend.lists import playlists_with_tests
from unheard.splits import Split, UseName, load_split, load_splits, write_splits
from unheard.training.any import DEFAULT_RECIPE, train_any
from unheard.workspace import Workspace

NAME = "rivals"
TITLE = "The default model against its rivals"
METRICS = ("recall", "ndcg")
N_FOLDS = 10
TESTED = 2  # folds of a rotation that test
CHANCE = "random"
SURE = 0.05
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """models: recipes that are trained with seeds 0 .. seeds - 1, and baselines; `default` is compared with each."""

    models: tuple[str, ...]
    default: str = DEFAULT_RECIPE
    seeds: int = 3
    rotations: int = 5
    device: str = "auto"


@dataclass(frozen=True)
class Pairs:
    """Every sought pair of all rotations: its playlist, its track's artist, and what it counts (1 / |R|)."""

    playlist: NDArray[np.int64]
    artist: NDArray[np.int64]
    share: Values


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
    split = load_split(workspace, split_name)
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
        found = _measure(
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
    rows = _rows(everything, {name: np.concatenate(some, axis=1) for name, some in gains.items()}, default)
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
    tables = [vars(table) for table in rivals_tables(findings)]
    path = workspace.experiment_path(f"{NAME}-{split.name}")
    write_json(path, {"title": TITLE, "about": about_text(findings), "tables": tables, "findings": findings}, indent=1)
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
            train_any(workspace, recipe, split, seed=seed, device=settings.device, progress=progress)
    return load_catalogue(workspace, split.name, need_full=True)


def _measure(
    workspace: Workspace,
    catalogue: Catalogue,
    names: Sequence[str],
    trained: Collection[str],
    seeds: int,
    progress: Progress,
    what: str,
) -> tuple[Pairs, dict[str, Values], dict[str, float]]:
    """The sought pairs of a rotation, what each model gains at each (metric, pair), and its coverage@20."""
    check_measurable(catalogue)
    none = Resamples(np.zeros((0, 0)), np.zeros(0, np.intp))  # intervals are this experiment's own
    task = prepare_recommend(catalogue, "cold", none, seed=0)
    n_relevant = np.bincount(task.query, minlength=len(task.playlists))
    ideal = np.cumsum(1 / np.log2(np.arange(2, K + 2)))[np.minimum(n_relevant, K) - 1]
    pairs = Pairs(
        playlists_with_tests(catalogue)[task.query].astype(np.int64),
        catalogue.main_artist[task.candidates][task.column].astype(np.int64),
        1 / n_relevant[task.query],
    )
    gains, covered = {}, {}
    for done, name in enumerate(names):
        progress(what, done, len(names))
        of_seeds, shown = [], []
        for model in [f"{name}@{seed}" if seed else name for seed in range(seeds)] if name in trained else [name]:
            lists = rank(task, make_recommender(workspace, catalogue, model)).lists
            place = np.zeros(len(task.query), np.int64)  # from 1; 0 is not among the first 20
            for column in range(lists.shape[1]):
                place[lists[task.query, column] == task.column] = column + 1
            hit = place > 0
            dcg = np.where(hit, 1 / np.log2(np.maximum(place, 1) + 1), 0.0) / ideal[task.query]
            of_seeds.append(np.stack([hit * pairs.share, dcg]))
            shown.append(diversity.coverage(diversity.occurrences(lists, len(task.candidates))))
        gains[name], covered[name] = np.mean(of_seeds, axis=0), float(np.mean(shown))
    progress(what, len(names), len(names))
    return pairs, gains, covered


def two_way_weights(pairs: Pairs, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often one resample draws each pair: its playlist's draws times its artist's, (pair,)."""

    def drawn(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
        numbers, own = np.unique(clusters, return_inverse=True)
        return np.bincount(rng.integers(len(numbers), size=len(numbers)), minlength=len(numbers))[own.reshape(-1)]

    return (drawn(pairs.playlist) * drawn(pairs.artist)).astype(np.float64)


def _rows(pairs: Pairs, gains: dict[str, Values], default: str) -> list[dict[str, Any]]:
    """One row a model: figures with intervals, and the default's lead with intervals and corrected p."""
    names = list(gains)
    stacked = np.stack([gains[name] for name in names]).reshape(-1, len(pairs.share))  # (model x metric, pair)
    rng = np.random.default_rng(0)
    values = (stacked.sum(axis=1) / pairs.share.sum()).reshape(len(names), len(METRICS))
    replicates = np.empty((N_RESAMPLES, len(names), len(METRICS)))
    for resample in range(N_RESAMPLES):
        weights = two_way_weights(pairs, rng)
        replicates[resample] = (stacked @ weights / max(float(weights @ pairs.share), 1e-12)).reshape(values.shape)
    own, chance, ceiling = names.index(default), names.index(CHANCE), names.index(ORACLE)
    rows: list[dict[str, Any]] = [{"model": name} for name in names]
    for m, metric in enumerate(METRICS):
        leads = values[own, m] - values[:, m]
        spread = replicates[:, own, m, None] - replicates[:, :, m]
        rivals = [i for i in range(len(names)) if i not in (own, ceiling)]
        ps = holm([p_value(float(leads[i]), spread[:, i]) for i in rivals])
        for i, row in enumerate(rows):
            low, high = percentile_interval(replicates[:, i, m]) or (None, None)
            way = (values[i, m] - values[chance, m]) / max(values[ceiling, m] - values[chance, m], 1e-12)
            row[metric] = {"value": float(values[i, m]), "low": low, "high": high, "way": float(way)}
            if i in rivals:
                span = percentile_interval(spread[:, i]) or (None, None)
                lead = {"value": float(leads[i]), "low": span[0], "high": span[1], "p_holm": ps[rivals.index(i)]}
                row[f"{metric}_lead"] = lead
    return rows


def rivals_tables(findings: dict[str, Any]) -> list[Table]:
    """Figures of every model, and the default's lead over each."""
    title, rows = f"Split {findings['split']}, cold tracks", findings["rows"]
    figures = [
        [
            row["model"],
            _figure(row["recall"]),
            _figure(row["ndcg"]),
            f"{row['recall']['way']:.0%}",
            f"{row['coverage']:.3f}",
        ]
        for row in sorted(rows, key=lambda row: row["recall"]["value"])
    ]
    leads = [
        [row["model"], *(cell for metric in METRICS for cell in _lead(row[f"{metric}_lead"]))]
        for row in sorted(rows, key=lambda row: -row["recall"]["value"])
        if "recall_lead" in row
    ]
    heads = ["against", f"recall@{K}", "p (Holm)", f"nDCG@{K}", "p (Holm)"]
    return [
        Table(
            f"{title}: {findings['rotations']} rotations, {findings['seeds']} seeds",
            ["model", f"recall@{K}", f"nDCG@{K}", "of the way from chance to oracle", f"coverage@{K}"],
            figures,
        ),
        Table(f"{title}: lead of {findings['default']}", heads, leads),
    ]


def about_text(findings: dict[str, Any]) -> str:
    """How to read the tables, and over whom a lead is claimed."""
    unsure = [row["model"] for row in findings["rows"] if "recall_lead" in row and not _leads(row)]
    default = findings["default"]
    said = f"{default} leads all of them by both figures."
    if unsure:
        said = f"No lead of {default} by both figures is claimed over {', '.join(unsure)}."
    return (
        f"{findings['playlists']} playlists and {findings['artists']} artists, both resampled; 95 % intervals. Every "
        "figure of a trained model is the mean of its seeds, whose own spread no interval holds. A lead is claimed "
        f"where its interval lies above 0 and the corrected p is at most {SURE}. {said}"
    )


def _leads(row: dict[str, Any]) -> bool:
    leads = [row[f"{metric}_lead"] for metric in METRICS]
    return all((lead["low"] or 0.0) > 0 and lead["p_holm"] <= SURE for lead in leads)


def _figure(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _lead(lead: dict[str, Any]) -> list[str]:
    return [f"{lead['value']:+.3f} [{lead['low']:+.3f}, {lead['high']:+.3f}]", f"{lead['p_holm']:.3f}"]
