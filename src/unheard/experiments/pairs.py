"""Metrics of cold rankings, with playlists and artists resampled together.

Each relevant (playlist, test track) pair contributes to every metric: its share of its playlist, times what it earns.

    metric                          weight in its playlist         earns
    recall@20                       equal                          1 for a hit
    nDCG@20                         equal                          |R| / log2(rank + 1) / ideal, for a hit
    AUC                             equal                          share of the other candidates that are below it
    recall-inverse-plays@20         1 / plays of the track         1 for a hit
    recall-low@20, -middle, -high   equal in its band, 0 outside   1 for a hit

with |R| and the ideal DCG of its playlist; bands and weights are those of metrics/recall_by_popularity.py. Shares of a
playlist add up to 1, so over all pairs, the sum of the earnings over the sum of the shares is the mean over playlists.
Intervals resample playlists and artists together (pigeonhole bootstrap, Owen 2007): the weight of a pair is the number
of times its playlist is drawn, times the number of times the artist of its track is drawn. They are wide because they
cover other listeners and other artists; where artists are not held out, playlists can be resampled alone, as `evaluate`
does. Metrics of a trained model are means over its seeds; differences are paired and Holm-corrected over the whole
table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Indices
from unheard.evaluate.evaluate import check_measurable
from unheard.evaluate.recommend_task import K, Ranking, RecommendTask, prepare_recommend, rank
from unheard.evaluate.result_tables import Table
from unheard.evaluate.results import number
from unheard.metrics import accuracy, diversity
from unheard.metrics.intervals import Resamples, holm, p_value, percentile_interval
from unheard.metrics.recall_by_popularity import BANDS, INVERSE, recall_weights
from unheard.progress import Progress
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import ORACLE, make_recommender
from unheard.workspace import Workspace

COMPARED = ("recall", "ndcg", "auc", INVERSE)
METRICS = (*COMPARED, *(f"recall-{band}" for band in BANDS))
HEADS = {
    "recall": f"recall@{K}", "ndcg": f"nDCG@{K}", "auc": "AUC", INVERSE: f"recall@{K} by inverse plays",
    "recall-low": f"recall@{K}, rare third", "recall-middle": "middle third", "recall-high": "popular third",
}  # fmt: skip
HEADLINE = ("recall", "ndcg")  # a lead in these two is reported in the summary
CHANCE = "random"
SURE = 0.05
N_RESAMPLES = 10_000  # of a table of 60 comparisons, Holm's correction multiplies p by 60
BLOCK = 250  # resamples at a time


@dataclass(frozen=True)
class RelevantPairs:
    """Every relevant pair of all rotations.

    playlist, artist  (pair,) numbers of the playlist and of the track's main artist
    share             (metric, pair) of its playlist, see above
    """

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
    pairs = RelevantPairs(
        playlists_with_tests(catalogue)[task.query].astype(np.int64),
        catalogue.main_artist[task.candidates][task.column].astype(np.int64),
        _shares(task),
    )
    gains, covered = {}, {}
    for done, name in enumerate(names):
        progress(what, done, len(names))
        of_seeds, shown = [], []
        for model in [f"{name}@{seed}" if seed else name for seed in range(seeds)] if name in trained else [name]:
            ranking = rank(task, make_recommender(workspace, catalogue, model))
            of_seeds.append(pairs.share * _earned(task, ranking))
            shown.append(diversity.coverage(diversity.occurrences(ranking.lists, len(task.candidates))))
        gains[name], covered[name] = np.mean(of_seeds, axis=0), float(np.mean(shown))
    progress(what, len(names), len(names))
    return pairs, gains, covered


def _shares(task: RecommendTask) -> Doubles:
    """Return the share that each pair has of its playlist, (metric, pair); 0 where the metric is undefined."""
    n_relevant = np.bincount(task.query, minlength=len(task.playlists))
    equal = np.ones(len(task.query))
    weights = dict.fromkeys(METRICS, equal) | recall_weights(task.column)
    weights["auc"] = (task.n_allowed > n_relevant)[task.query].astype(np.float64)
    shares = np.zeros((len(METRICS), len(task.query)))
    for row, metric in enumerate(METRICS):
        total = np.bincount(task.query, weights=weights[metric], minlength=len(task.playlists))[task.query]
        np.divide(weights[metric], total, out=shares[row], where=total > 0)
    return shares


def _earned(task: RecommendTask, ranking: Ranking) -> Doubles:
    """Return what each pair earns of its share, (metric, pair)."""
    n_relevant = np.bincount(task.query, minlength=len(task.playlists))
    earned = np.repeat((ranking.rank <= K).astype(np.float64)[None, :], len(METRICS), axis=0)
    scale = (n_relevant / accuracy.ideal_dcg(n_relevant, K))[task.query]
    earned[METRICS.index("ndcg")] = accuracy.gain_at_k(ranking.rank, K) * scale
    below = accuracy.shares_below(task.query, ranking.mid_rank, task.n_allowed)
    earned[METRICS.index("auc")] = np.nan_to_num(below)  # undefined where the share is 0
    return earned


def pair_weights(pairs: RelevantPairs, n: int, rng: np.random.Generator, *, artists: bool = True) -> Iterator[Doubles]:
    """Yield (resample, pair) for `n` resamples in blocks: how often a pair is drawn.

    That is the draws of its playlist, with `artists` times the draws of its artist.
    """
    clusters = [np.unique(pairs.playlist, return_inverse=True)[1].reshape(-1)]
    if artists:
        clusters.append(np.unique(pairs.artist, return_inverse=True)[1].reshape(-1))
    sizes = [int(own.max()) + 1 for own in clusters]
    for start in range(0, n, BLOCK):
        weights = np.ones((min(BLOCK, n - start), len(pairs.playlist)))
        for own, size in zip(clusters, sizes, strict=True):
            weights *= rng.multinomial(size, np.full(size, 1 / size), size=len(weights))[:, own]
        yield weights


def rows_of(
    pairs: RelevantPairs, gains: dict[str, Doubles], default: str, *, artists: bool = True
) -> list[dict[str, Any]]:
    """Return one row per model: metrics with intervals, and the lead of the default with interval and corrected p.

    gains    (metric, pair) of each model: what its pairs earned, times their shares
    artists  whether artists are resampled with the playlists
    """
    names = list(gains)
    values, replicates = _means(pairs, [gains[name] for name in names], artists=artists)
    own, chance, oracle = names.index(default), names.index(CHANCE), names.index(ORACLE)
    rivals = [i for i in range(len(names)) if i not in (own, oracle)]
    rows: list[dict[str, Any]] = [{"model": name} for name in names]
    for m, metric in enumerate(METRICS):
        gap = values[oracle, m] - values[chance, m]
        for i, row in enumerate(rows):
            row[metric] = _measured(values[i, m], replicates[:, i, m])
            row[metric]["gap_share"] = number((values[i, m] - values[chance, m]) / max(gap, 1e-12))
    found = []
    for metric in COMPARED:
        m = METRICS.index(metric)
        for i in rivals:
            difference, spread = values[own, m] - values[i, m], replicates[:, own, m] - replicates[:, i, m]
            lead = rows[i][f"{metric}_lead"] = _measured(difference, spread)
            found.append((lead, p_value(float(difference), spread)))
    for (lead, _), p_holm in zip(found, holm([p for _, p in found]), strict=True):
        lead["p_holm"] = p_holm
    return rows


def _means(pairs: RelevantPairs, gains: Sequence[Doubles], *, artists: bool) -> tuple[Doubles, Doubles]:
    """Return the metrics of models (model, metric), and those of each resample (resample, model, metric).

    NaN where no drawn pair has a share of the metric.
    """
    stacked = np.concatenate([*gains, pairs.share])  # (model x metric and metric, pair)

    def ratios(sums: Doubles) -> Doubles:  # (resample, model x metric and metric) -> (resample, model, metric)
        parts = sums.reshape(len(sums), len(gains) + 1, len(METRICS))
        shares = parts[:, -1:]
        ratio: Doubles = np.divide(parts[:, :-1], shares, out=np.full_like(parts[:, :-1], np.nan), where=shares > 0)
        return ratio

    drawn = pair_weights(pairs, N_RESAMPLES, np.random.default_rng(0), artists=artists)
    return ratios(stacked.sum(axis=1)[None])[0], ratios(np.concatenate([weights @ stacked.T for weights in drawn]))


def _measured(value: float, replicates: Doubles) -> dict[str, Any]:
    low, high = percentile_interval(replicates) or (None, None)
    return {"value": number(value), "low": low, "high": high}


def tables_of(rows: Sequence[dict[str, Any]], title: str, trained: str, default: str) -> list[Table]:
    """Return the metrics of every model, and the lead of `default` over each; `trained` is part of the title."""
    ascending = sorted(rows, key=lambda row: row["recall"]["value"])
    figures = [
        [
            row["model"],
            *(_figure(row[metric]) for metric in METRICS),
            f"{row['recall']['gap_share']:.0%}",
            f"{row['coverage']:.3f}",
        ]
        for row in ascending
    ]
    leads = [
        [row["model"], *(cell for metric in COMPARED for cell in _lead(row[f"{metric}_lead"]))]
        for row in reversed(ascending)
        if "recall_lead" in row
    ]
    gap = "share of the gap between chance and oracle"
    return [
        Table(
            f"{title}: {trained}",
            ["model", *(HEADS[metric] for metric in METRICS), gap, f"coverage@{K}"],
            figures,
        ),
        Table(
            f"{title}: lead of {default}",
            ["against", *(head for metric in COMPARED for head in (HEADS[metric], "p (Holm)"))],
            leads,
        ),
    ]


def leads(row: dict[str, Any], *, sign: int = 1) -> bool:
    """Return whether the default is significantly better than the model of a row, by recall and by nDCG.

    sign  -1: whether it is significantly worse
    """
    both = [row[f"{metric}_lead"] for metric in HEADLINE]
    end = "low" if sign > 0 else "high"
    return all(sign * (lead[end] or 0.0) > 0 and lead["p_holm"] <= SURE for lead in both)


def resampled(findings: dict[str, Any]) -> str:
    """Return what was resampled, for a summary."""
    if findings.get("resample") == "playlists":
        return f"{findings['playlists']} playlists are resampled"
    return f"{findings['playlists']} playlists and {findings['artists']} artists are resampled together"


def _figure(figure: dict[str, Any]) -> str:
    return _with_interval(figure, ".3f")


def _lead(lead: dict[str, Any]) -> list[str]:
    return [_with_interval(lead, "+.3f"), f"{lead['p_holm']:.3f}"]


def _with_interval(found: dict[str, Any], form: str) -> str:
    if found["value"] is None:
        return "-"
    if found["low"] is None:
        return format(found["value"], form)
    return f"{found['value']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"
