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


def validation_playlists(data: TrainingData, *, seed: int = 0) -> Indices:
    """Return at most `MAX_VALIDATION_PLAYLISTS` playlists with both a train and a validation track, drawn once."""
    both = np.flatnonzero((np.diff(data.train.plays.indptr) > 0) & (np.diff(data.validation.plays.indptr) > 0))
    if len(both) <= MAX_VALIDATION_PLAYLISTS:
        return both
    return np.sort(np.random.default_rng(seed).choice(both, MAX_VALIDATION_PLAYLISTS, replace=False))


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
