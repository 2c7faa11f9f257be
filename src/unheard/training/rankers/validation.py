"""How well a ranker orders validation tracks: what early stopping, lambdas and blends are chosen by.

A squared error of factors can fall while the ranking gets worse, because most of a factor's length says how popular a
track is; so models are chosen by the figure that people read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.training.dataset import TrainingData

K = 20
MAX_JUDGES = 4000  # playlists that judge; more move the figure by less than its own noise
Floats = NDArray[np.float32]


def judges(data: TrainingData, *, seed: int = 0) -> NDArray[np.int64]:
    """Playlists with both a train and a validation track, at most `MAX_JUDGES`, drawn once."""
    both = np.flatnonzero((np.diff(data.train.plays.indptr) > 0) & (np.diff(data.validation.plays.indptr) > 0))
    if len(both) <= MAX_JUDGES:
        return both
    return np.sort(np.random.default_rng(seed).choice(both, MAX_JUDGES, replace=False))


def ndcg(playlists: Floats, tracks: Floats, data: TrainingData, asked: NDArray[np.int64]) -> float:
    """Mean nDCG@20 of the validation tracks for the playlists `asked`; 0 when there are none to ask.

    playlists  (m, k) places of all playlists; tracks (val, k) places of the validation tracks
    Equal scores are ordered by a fixed random key, so that saying nothing scores as chance.
    """
    if not len(asked) or not len(tracks):
        return 0.0
    return ndcg_of_scores(playlists[asked] @ tracks.T, data, asked)


def ndcg_of_scores(scores: Floats, data: TrainingData, asked: NDArray[np.int64]) -> float:
    """The same from scores (asked, val)."""
    k = min(K, scores.shape[1])
    key = np.random.default_rng(0).permutation(scores.shape[1])  # ties
    top = key[np.argsort(-scores[:, key], axis=1, kind="stable")[:, :k]]  # (asked, k)
    relevant = data.validation.plays[asked].toarray() > 0  # (asked, val)
    discount = 1 / np.log2(np.arange(2, k + 2))
    gain = (np.take_along_axis(relevant, top, axis=1) * discount).sum(axis=1)
    ideal = np.cumsum(discount)[np.minimum(relevant.sum(axis=1), k) - 1]
    return float((gain / ideal).mean())
