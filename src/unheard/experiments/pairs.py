"""Recall and nDCG of cold rankings, with playlists and artists resampled together.

Each relevant (playlist, test track) pair contributes to the metrics:

    recall@20   hit / |R|                         of 1 / |R|
    nDCG@20     1 / log2(rank + 1) / ideal        of 1 / |R|

with |R| and the ideal DCG of its playlist. Over all pairs, the sum of the first column over the sum of the second is
the mean over playlists. Intervals resample playlists and artists together (pigeonhole bootstrap, Owen 2007): the weight
of a pair is the number of times its playlist is drawn, times the number of times the artist of its track is drawn. They
are wide because they cover other listeners and other artists. Metrics of a trained model are means over its
seeds; differences are paired and Holm-corrected over the models of a metric.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Indices
from unheard.evaluate.evaluate import check_measurable
from unheard.evaluate.recommend_task import K, prepare_recommend, rank
from unheard.evaluate.result_tables import Table
from unheard.metrics import accuracy, diversity
from unheard.metrics.intervals import N_RESAMPLES, Resamples, holm, p_value, percentile_interval
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import ORACLE, make_recommender
from unheard.workspace import Workspace

METRICS = ("recall", "ndcg")
CHANCE = "random"
SURE = 0.05


@dataclass(frozen=True)
class RelevantPairs:
    """Every relevant pair of all rotations: its playlist, the artist of its track, and its weight 1 / |R|."""

    playlist: Indices
    artist: Indices
    share: Doubles


def measure(
    workspace: Workspace,
    catalogue: Catalogue,
    names: Sequence[str],
    trained: Collection[str],
    seeds: int,
    progress: Progress,
    what: str,
) -> tuple[RelevantPairs, dict[str, Doubles], dict[str, float]]:
    """Return the relevant pairs of a split, the gains (metric, pair) of each model, and the coverage@20 of each model.

    trained  those of `names` that were trained with seeds 0 .. seeds - 1
    """
    check_measurable(catalogue)
    none = Resamples(np.zeros((0, 0)), np.zeros(0, np.intp))  # the intervals of `Resamples` are not used here
    task = prepare_recommend(catalogue, "cold", none, seed=0)
    n_relevant = np.bincount(task.query, minlength=len(task.playlists))
    ideal = accuracy.ideal_dcg(n_relevant, K)
    pairs = RelevantPairs(
        playlists_with_tests(catalogue)[task.query].astype(np.int64),
        catalogue.main_artist[task.candidates][task.column].astype(np.int64),
        1 / n_relevant[task.query],
    )
    gains, covered = {}, {}
    for done, name in enumerate(names):
        progress(what, done, len(names))
        of_seeds, shown = [], []
        for model in [f"{name}@{seed}" if seed else name for seed in range(seeds)] if name in trained else [name]:
            ranking = rank(task, make_recommender(workspace, catalogue, model))
            dcg = accuracy.gain_at_k(ranking.rank, K) / ideal[task.query]
            of_seeds.append(np.stack([(ranking.rank <= K) * pairs.share, dcg]))
            shown.append(diversity.coverage(diversity.occurrences(ranking.lists, len(task.candidates))))
        gains[name], covered[name] = np.mean(of_seeds, axis=0), float(np.mean(shown))
    progress(what, len(names), len(names))
    return pairs, gains, covered


def two_way_weights(pairs: RelevantPairs, rng: np.random.Generator) -> Doubles:
    """Return how often one resample draws each pair: draws of its playlist times draws of its artist, (pair,)."""

    def drawn(clusters: Indices) -> Indices:
        numbers, own = np.unique(clusters, return_inverse=True)
        return np.bincount(rng.integers(len(numbers), size=len(numbers)), minlength=len(numbers))[own.reshape(-1)]

    return (drawn(pairs.playlist) * drawn(pairs.artist)).astype(np.float64)


def rows_of(pairs: RelevantPairs, gains: dict[str, Doubles], default: str) -> list[dict[str, Any]]:
    """Return one row per model: metrics with intervals, and the lead of the default with interval and corrected p."""
    names = list(gains)
    stacked = np.stack([gains[name] for name in names]).reshape(-1, len(pairs.share))  # (model x metric, pair)
    rng = np.random.default_rng(0)
    values = (stacked.sum(axis=1) / pairs.share.sum()).reshape(len(names), len(METRICS))
    replicates = np.empty((N_RESAMPLES, len(names), len(METRICS)))
    for resample in range(N_RESAMPLES):
        weights = two_way_weights(pairs, rng)
        replicates[resample] = (stacked @ weights / max(float(weights @ pairs.share), 1e-12)).reshape(values.shape)
    own, chance, oracle = names.index(default), names.index(CHANCE), names.index(ORACLE)
    rows: list[dict[str, Any]] = [{"model": name} for name in names]
    for m, metric in enumerate(METRICS):
        leads = values[own, m] - values[:, m]
        spread = replicates[:, own, m, None] - replicates[:, :, m]
        rivals = [i for i in range(len(names)) if i not in (own, oracle)]
        ps = holm([p_value(float(leads[i]), spread[:, i]) for i in rivals])
        for i, row in enumerate(rows):
            low, high = percentile_interval(replicates[:, i, m]) or (None, None)
            gap_share = (values[i, m] - values[chance, m]) / max(values[oracle, m] - values[chance, m], 1e-12)
            row[metric] = {"value": float(values[i, m]), "low": low, "high": high, "gap_share": float(gap_share)}
            if i in rivals:
                span = percentile_interval(spread[:, i]) or (None, None)
                lead = {"value": float(leads[i]), "low": span[0], "high": span[1], "p_holm": ps[rivals.index(i)]}
                row[f"{metric}_lead"] = lead
    return rows


def tables_of(rows: Sequence[dict[str, Any]], title: str, trained: str, default: str) -> list[Table]:
    """Return the metrics of every model, and the lead of `default` over each; `trained` is part of the title."""
    figures = [
        [
            row["model"],
            _figure(row["recall"]),
            _figure(row["ndcg"]),
            f"{row['recall']['gap_share']:.0%}",
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
            f"{title}: {trained}",
            ["model", f"recall@{K}", f"nDCG@{K}", "share of the gap between chance and oracle", f"coverage@{K}"],
            figures,
        ),
        Table(f"{title}: lead of {default}", heads, leads),
    ]


def leads(row: dict[str, Any]) -> bool:
    """Return whether the default is significantly better than the model of a row, by both metrics."""
    both = [row[f"{metric}_lead"] for metric in METRICS]
    return all((lead["low"] or 0.0) > 0 and lead["p_holm"] <= SURE for lead in both)


def _figure(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def _lead(lead: dict[str, Any]) -> list[str]:
    return [f"{lead['value']:+.3f} [{lead['low']:+.3f}, {lead['high']:+.3f}]", f"{lead['p_holm']:.3f}"]
