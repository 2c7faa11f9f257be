"""nDCG on validation tracks, by which early stopping, penalties and blend weights are chosen.

The squared error of factors can fall while the ranking gets worse, because most of a factor's length is the popularity
of the track. So models are chosen by the figure that is reported.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Doubles, Floats, Indices, Mask
from unheard.metrics.accuracy import ndcg_of_lists
from unheard.ranking import blocks, top_k_in_order
from unheard.training.dataset import TrainingData

K = 20
MAX_VALIDATION_PLAYLISTS = 4000  # more change the figure by less than its own noise
MIN_VALIDATION_PLAYLISTS = 500
MAX_VALIDATION_SCORES = 2_000_000  # of a ranking of all validation tracks; it is made for a hundred settings


def validation_playlists(data: TrainingData, *, seed: int = 0) -> Indices:
    """Return playlists with both a train and a validation track: all, or some of many, drawn once.

    At most `MAX_VALIDATION_PLAYLISTS`, and fewer where validation tracks are many.
    """
    both = np.flatnonzero((np.diff(data.train.plays.indptr) > 0) & (np.diff(data.validation.plays.indptr) > 0))
    affordable = MAX_VALIDATION_SCORES // max(1, len(data.validation))
    most = min(max(affordable, MIN_VALIDATION_PLAYLISTS), MAX_VALIDATION_PLAYLISTS)
    if len(both) <= most:
        return both
    return np.sort(np.random.default_rng(seed).choice(both, most, replace=False))


def ndcg(playlists: Floats, tracks: Floats, data: TrainingData, queries: Indices) -> float:
    """Return the mean nDCG@20 of the validation tracks for the playlists `queries`; 0 without any.

    playlists  (m, k) embeddings of all playlists
    tracks     (val, k) embeddings of the validation tracks

    Equal scores are ordered by a fixed random key, so that constant scores get the figure of chance.
    """
    if not len(queries) or not len(tracks):
        return 0.0
    return ndcg_of_scores(playlists[queries] @ tracks.T, data, queries)


def ndcg_of_scores(scores: Floats, data: TrainingData, queries: Indices) -> float:
    """Return the same from scores (queries, val)."""
    values = np.empty(len(queries))
    for block in blocks(len(queries), scores.shape[1]):
        values[block] = ndcg_per_query(scores[block], data.validation.plays[queries[block]].toarray() > 0)
    return float(values.mean())


def ndcg_per_query(scores: Floats, relevant: Mask) -> Doubles:
    """Return nDCG@20 (query,) of scores (query, track), where `relevant` (query, track) has one track at least."""
    order = np.random.default_rng(0).permutation(scores.shape[1])  # of equal scores
    top = top_k_in_order(scores, K, order)  # (query, <= K)
    hits = np.take_along_axis(relevant, top, axis=1)
    values: Doubles = ndcg_of_lists(hits, relevant.sum(axis=1), K)
    return values
