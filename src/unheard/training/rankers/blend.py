"""Weights of several rankers in an ensemble that adds their scores.

Scores of different rankers have different scales, so each is divided by the deviation of its scores within the
validation playlists. The weights minimise the cross entropy of a playlist's tracks under a softmax over the validation
tracks: a convex problem in a few numbers, so no grid is needed. Weights are not negative. Validation tracks
are the work of few artists, so the weights are shrunk towards equal ones, which are seldom much worse than the best
(Timmermann 2006, Forecast Combinations, section 4: the combination puzzle).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from unheard.arrays import Doubles, Floats, Mask

SHRINKAGE = 0.25


def score_deviation(playlists: Floats, tracks: Floats) -> float:
    """Return the root mean square over playlists (m, k) of the deviation of their scores of tracks (n, k)."""
    if not len(playlists) or not len(tracks):
        return 0.0
    x, centred = playlists.astype(np.float64), tracks - tracks.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(((x.T @ x) * (centred.T @ centred)).sum() / (len(x) * len(centred))))


def blend_weights(scores: Sequence[Floats], held: Mask, *, shrink: bool = True) -> Doubles:
    """Return weights (ranker,) for scores (queries, val) of deviation 1, where `held` (queries, val) are plays.

    They sum to 1 and are shrunk; without `shrink` they are as learned. Without validation tracks all are equal.
    """
    n = len(scores)
    equal = np.full(n, 1 / n)
    if (n == 1 and shrink) or not held.any():
        return equal
    share = held / held.sum(axis=1, keepdims=True)
    stacked = np.stack(scores).astype(np.float64)  # (ranker, queries, val)

    def cross_entropy(weights: Doubles) -> tuple[float, Doubles]:
        logits = np.tensordot(weights, stacked, axes=1)  # (queries, val)
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        slope = (np.exp(logits - total) - share) / len(held)
        return float(-(share * (logits - total)).sum() / len(held)), np.tensordot(stacked, slope, axes=2)

    found = minimize(cross_entropy, equal, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n)
    if not found.x.sum() > 0:
        return equal
    if not shrink:
        return np.asarray(found.x, np.float64)
    weights: Doubles = (1 - SHRINKAGE) * found.x / found.x.sum() + SHRINKAGE * equal
    return weights
