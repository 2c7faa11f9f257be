"""Task `recommend`: measure the ranks of the held-out test tracks of a playlist among all candidates.

    query        each playlist with a test track, also those without train plays (their scores tie)
    relevant     R, the playlist's test tracks
    candidates   cold: all test tracks; all: every track but the playlist's own train tracks
    figures      recall@20, nDCG@20, MAP@500, AUC, MRR, hit@20 (metrics/accuracy.py); recall-inverse-plays@20, and by
                 thirds of the test plays recall-low@20, recall-middle@20, recall-high@20, each over the playlists with
                 a test track of the band (metrics/recall_by_popularity.py); and beyond accuracy, from the first 20 of
                 each list, coverage, exposure Gini, k-occurrence skew, antihub share, mean popularity, distinct artists
                 (metrics/diversity.py)

The oracle is the fold-in: factors that test tracks get from their plays while the playlists stay as they are.

Chance is exact with two exceptions: `distinct-artists` among all candidates ignores that the tracks of a playlist are
left out, and the four figures of all lists together assume the mean number of candidates for every list. These four
have no interval: a resample repeats playlists, and repeated lists cover less by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Doubles, Indices, Rows
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.metrics import accuracy, chance, diversity
from unheard.metrics.intervals import Resamples
from unheard.metrics.recall_by_popularity import recall_weights, weighted_recall_at_k
from unheard.ranking import ranks_of, top_k
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.csv_lists import playlist_blocks, playlists_with_tests
from unheard.recommend.recommenders import Recommender
from unheard.splits import Use

TASK = "recommend"
K = 20
K_MAP = 500


@dataclass(frozen=True)
class RecommendTask:
    """Everything but the model. Entry i of `query` and `column` is a relevant candidate; ordered by query."""

    catalogue: Catalogue
    which: Candidates
    playlists: Rows
    candidates: Rows
    query: Indices
    column: Indices
    n_allowed: Indices  # (query,) candidates that are not masked
    resamples: Resamples
    seed: int


@dataclass(frozen=True)
class Ranking:
    """Rankings by one model.

    ranks           of the relevant candidates, ties broken at random
    rank, mid_rank  (entry,) in the order of the task's entries, with ties broken and with ties shared
    lists           (query, <= 20) the first candidate columns of each list
    """

    ranks: accuracy.Ranks
    rank: Indices
    mid_rank: Doubles
    lists: Rows  # (query, <= 20)


def prepare_recommend(catalogue: Catalogue, which: Candidates, resamples: Resamples, *, seed: int) -> RecommendTask:
    """Return the task with its queries and relevant tracks. `resamples` are of the playlists with a test track."""
    playlists, candidates = playlists_with_tests(catalogue), catalogue.candidates(which, new=False)
    column = np.full(len(catalogue), -1, np.int64)
    column[candidates] = np.arange(len(candidates))
    relevant = catalogue.plays_of(Use.TEST)[playlists].tocoo()
    own = catalogue.plays_of(Use.TRAIN)[playlists]
    n_masked = np.bincount(own.tocoo().row[column[own.indices] >= 0], minlength=len(playlists))
    return RecommendTask(
        catalogue,
        which,
        playlists,
        candidates,
        relevant.row.astype(np.int64),
        column[relevant.col],
        len(candidates) - n_masked,
        resamples,
        seed,
    )


def measure_recommend(task: RecommendTask, recommender: Recommender) -> list[Measure]:
    """Return all figures of one model."""
    return measure_lists(task, rank(task, recommender))


def measure_lists(task: RecommendTask, ranking: Ranking) -> list[Measure]:
    """Return all figures of a ranking."""
    return [*_accuracy(task, ranking), *_per_list(task, ranking.lists), *_all_lists(task, ranking.lists)]


def rank(task: RecommendTask, recommender: Recommender) -> Ranking:
    """Rank every candidate for every playlist, a block of playlists at a time."""
    ranks = np.empty(len(task.query), np.int64)
    mid = np.empty(len(task.query))
    lists = np.empty((len(task.playlists), min(K, len(task.candidates))), np.int32)
    for block in playlist_blocks(task.catalogue, recommender, task.playlists, task.candidates):
        first, last = np.searchsorted(task.query, [block.rows.start, block.rows.stop])
        rows, columns = task.query[first:last] - block.rows.start, task.column[first:last]
        seed, queries = task.seed, block.queries
        ranks[first:last], mid[first:last] = ranks_of(
            block.scores, rows, columns, seed=seed, queries=queries, candidates=task.candidates
        )
        lists[block.rows] = top_k(block.scores, K, seed=seed, queries=queries, candidates=task.candidates)
    return Ranking(accuracy.Ranks.of(task.query, ranks, len(task.playlists)), ranks, mid, lists)


def _accuracy(task: RecommendTask, ranking: Ranking) -> list[Measure]:
    ranks, n, r = ranking.ranks, task.n_allowed, ranking.ranks.n_relevant

    def measured(metric: str, k: int | None, values: accuracy.Values, expected: accuracy.Values | float) -> Measure:
        return mean_of(Figure(TASK, task.which, metric, k), values, expected, task.resamples)

    average_precision = accuracy.average_precision_at_k(ranks, K_MAP)
    by_popularity = [
        measured(
            name, K, weighted_recall_at_k(task.query, ranking.rank, weight, K, len(n)), chance.chance_recall(n, r, K)
        )
        for name, weight in recall_weights(task.column).items()
    ]
    return [
        measured("recall", K, accuracy.recall_at_k(ranks, K), chance.chance_recall(n, r, K)),
        measured("ndcg", K, accuracy.ndcg_at_k(ranks, K), chance.chance_ndcg(n, r, K)),
        measured("map", K_MAP, average_precision, chance.chance_average_precision(n, r, K_MAP)),
        measured("auc", None, accuracy.auc(task.query, ranking.mid_rank, n), 0.5),
        measured("mrr", None, accuracy.reciprocal_rank(ranks), chance.chance_reciprocal_rank(n, r)),
        measured("hit", K, accuracy.hit_at_k(ranks, K), chance.chance_hit(n, r, K)),
        *by_popularity,
    ]


def _per_list(task: RecommendTask, lists: Rows) -> list[Measure]:
    """Return mean popularity and distinct artists of the first 20."""
    plays, candidates = task.catalogue.plays, task.candidates
    n_playlists = np.bincount(plays.indices, minlength=plays.shape[1])  # (n,) playlists that hold a track
    popularity = n_playlists[candidates].astype(np.float64)
    own = task.catalogue.plays_of(Use.TRAIN)[task.playlists] > 0
    masked = own @ (n_playlists * np.isin(np.arange(len(n_playlists)), candidates))  # (query,)
    expected = (popularity.sum() - masked) / np.maximum(task.n_allowed, 1)
    artists = task.catalogue.main_artist
    distinct = diversity.distinct_share(lists, artists[candidates], K)
    by_chance = chance.chance_distinct(artists[candidates], K)
    return [
        mean_of(
            Figure(TASK, task.which, "mean-popularity", K),
            diversity.mean_of_lists(lists, popularity),
            expected,
            task.resamples,
        ),
        mean_of(Figure(TASK, task.which, "distinct-artists", K), distinct, by_chance, task.resamples),
    ]


def _all_lists(task: RecommendTask, lists: Rows) -> list[Measure]:
    """Return the figures of all lists together."""
    n, counts = len(lists), diversity.occurrences(lists, len(task.candidates))
    share = float(np.minimum(K / np.maximum(task.n_allowed, 1), 1.0).mean())
    covered = chance.chance_coverage(n, share)
    figures = {
        "coverage": (diversity.coverage(counts), covered),
        "exposure-gini": (diversity.gini(counts), diversity.chance_gini(n, share)),
        "k-occurrence-skew": (diversity.skewness(counts), diversity.chance_skewness(n, share)),
        "antihub-share": (diversity.antihub_share(counts), 1 - covered),
    }
    return [
        Measure(Figure(TASK, task.which, metric, K), value, n, expected, None)
        for metric, (value, expected) in figures.items()
    ]
