"""Adding several rankers' scores: how much of each.

Scores of different rankers have different scales, so each is divided by the deviation of its scores within the
playlists that judge. The weights are those under which a softmax over the validation tracks gives the tracks that a
playlist holds the most probability: a convex problem with a few numbers, so no grid is needed. Weights are not
negative. Validation tracks are few artists' work, so the weights are drawn back towards equal ones, which seldom
rank much worse than the best (Timmermann 2006, Forecast Combinations, section 4: the combination puzzle).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from unheard.training.dataset import TrainingData

Floats = NDArray[np.float32]
TOWARDS_EQUAL = 0.25


def score_deviation(playlists: Floats, tracks: Floats) -> float:
    """Root mean square over playlists (m, k) of the deviation of their scores of tracks (n, k)."""
    if not len(playlists) or not len(tracks):
        return 0.0
    x, centred = playlists.astype(np.float64), tracks - tracks.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(((x.T @ x) * (centred.T @ centred)).sum() / (len(x) * len(centred))))


def blend_weights(scores: Sequence[Floats], data: TrainingData, asked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights (ranker,) that sum to 1 for scores (asked, val) of deviation 1; equal ones without validation tracks."""
    n = len(scores)
    equal = np.full(n, 1 / n)
    held = data.validation.plays[asked].toarray() > 0  # (asked, val)
    if n == 1 or not held.any():
        return equal
    share = held / held.sum(axis=1, keepdims=True)
    stacked = np.stack(scores).astype(np.float64)  # (ranker, asked, val)

    def surprise(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = np.tensordot(weights, stacked, axes=1)  # (asked, val)
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = (np.exp(logits - total) - share) / len(asked)
        return float(-(share * (logits - total)).sum() / len(asked)), np.tensordot(stacked, slope, axes=2)

    found = minimize(surprise, equal, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n)
    if not found.x.sum() > 0:
        return equal
    weights: NDArray[np.float64] = (1 - TOWARDS_EQUAL) * found.x / found.x.sum() + TOWARDS_EQUAL * equal
    return weights
