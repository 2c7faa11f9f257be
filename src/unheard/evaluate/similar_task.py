"""Task `similar`: compare predicted and true neighbours of test tracks (thesis table 6.6, with chance).

    query        each test track that has plays
    predicted    centred cosine of predicted factors; train tracks have their warm factor
    true         centred cosine of the factors of all plays ("full")
    candidates   cold: the other test tracks, on both sides; warm: the train tracks with plays
    overlap@k    share that the two lists of k have in common

Lists of neighbours are compared, and not vectors, so that the two spaces need not be aligned. Chance is k/(N - 1) among
N cold candidates, one of which is the query itself, and k/N among N warm ones, where it is not. A test track without
plays has no true neighbours and is no query; as a candidate its true similarity is 0 (its factors are the mean).

`overlap-other@k` first removes the main artist of the query from both lists: where whole artists are held out, tracks
by the same artist are easy to find. The number of candidates, and so chance, then depends on the query; a query with
fewer than k candidates does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Indices, Rows
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.metrics.accuracy import overlap_at_k
from unheard.metrics.intervals import Resamples
from unheard.ranking import top_k
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.csv_lists import similar_blocks, tests_with_plays
from unheard.recommend.predicted import true_factors
from unheard.recommend.recommenders import Recommender

TASK = "similar"
KS = (10, 50, 100, 500)


@dataclass(frozen=True)
class SimilarTask:
    """Everything but the model. `true` and `true_other` are (query, max k) candidate columns."""

    catalogue: Catalogue
    which: Candidates
    queries: Rows
    candidates: Rows
    ks: tuple[int, ...]
    n_others: int
    n_own: Indices  # (query,) other candidates of the query's main artist
    true: Rows
    true_other: Rows
    resamples: Resamples
    seed: int


def prepare_similar(catalogue: Catalogue, which: Candidates, resamples: Resamples, *, seed: int) -> SimilarTask:
    """Return the task with its true neighbours.

    `resamples` are of the main artists of the queries; the catalogue has its full factors.
    """
    if catalogue.full is None:
        raise ValueError("true neighbours need the full factors")
    queries, candidates = tests_with_plays(catalogue), catalogue.candidates(which, new=False)
    among = bool(np.isin(queries, candidates).any())
    sizes = np.bincount(catalogue.main_artist[candidates], minlength=len(catalogue))
    ks = tuple(k for k in KS if k <= len(candidates) - 1)
    truth = true_factors(catalogue.full, "true")
    true, true_other = _lists(catalogue, truth, queries, candidates, max(ks, default=0), seed=seed)
    n_own = sizes[catalogue.main_artist[queries]] - among
    n_others = len(candidates) - among
    return SimilarTask(catalogue, which, queries, candidates, ks, n_others, n_own, true, true_other, resamples, seed)


def measure_similar(task: SimilarTask, recommender: Recommender) -> list[Measure]:
    """Return overlap@k and overlap-other@k of one model, for every k smaller than the number of candidates."""
    depth = max(task.ks, default=0)
    found, found_other = _lists(task.catalogue, recommender, task.queries, task.candidates, depth, seed=task.seed)
    measures = []
    for k in task.ks:
        overlap = overlap_at_k(found, task.true, k, n_candidates=len(task.candidates))
        figure = Figure(TASK, task.which, "overlap", k)
        measures.append(mean_of(figure, overlap, k / task.n_others, task.resamples))
    for k in task.ks:
        overlap = overlap_at_k(found_other, task.true_other, k, n_candidates=len(task.candidates))
        chance = k / np.maximum(task.n_others - task.n_own, k)
        figure = Figure(TASK, task.which, "overlap-other", k)
        measures.append(mean_of(figure, overlap, chance, task.resamples))
    return measures


def _lists(
    catalogue: Catalogue, recommender: Recommender, queries: Rows, candidates: Rows, depth: int, *, seed: int
) -> tuple[Rows, Rows]:
    """Return the first `depth` neighbours of each query, and the first ones by other artists, both (query, depth)."""
    lists = []
    for not_same in (None, catalogue.main_artist):
        found = np.empty((len(queries), depth), np.int32)
        for block in similar_blocks(recommender, queries, candidates, n_tracks=len(catalogue), not_same=not_same):
            found[block.rows] = top_k(block.scores, depth, seed=seed, queries=block.queries, candidates=candidates)
        lists.append(found)
    return lists[0], lists[1]
