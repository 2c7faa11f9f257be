"""Weights of several rankers in an ensemble that adds their scores.

Scores of different rankers have different scales, so each is divided by the deviation of its scores within the
validation playlists. The weights minimise the cross entropy of a playlist's tracks under a softmax over the validation
tracks: a convex problem in a few numbers, so no grid is needed. Weights are not negative. Validation tracks are the
work of a number of artists, and what ranks ten of them best seldom ranks the next ten best, so weights are shrunk
towards equal ones of all fits, which are seldom much worse than the best (Timmermann 2006, Forecast Combinations,
section 4: the combination puzzle). Where artists are few, little but these is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from unheard.arrays import Doubles, Floats, Mask

ARTISTS_OF_HALF = 50  # validation artists with which weights stay halfway between equal and learned


def score_deviation(playlists: Floats, tracks: Floats) -> float:
    """Return the root mean square over playlists (m, k) of the deviation of their scores of tracks (n, k)."""
    if not len(playlists) or not len(tracks):
        return 0.0
    x, centred = playlists.astype(np.float64), tracks - tracks.mean(axis=0, dtype=np.float64)
    return float(np.sqrt(((x.T @ x) * (centred.T @ centred)).sum() / (len(x) * len(centred))))


def blend_weights(scores: Sequence[Floats], held: Mask, fits: Sequence[int], n_artists: int) -> Doubles:
    """Return weights (ranker,) that sum to 1 for scores (queries, val) of deviation 1, where `held` are plays.

    fits       of how many fits each ranker's scores are the mean
    n_artists  of the validation tracks

    Without validation tracks each fit has the same weight.
    """
    equal = np.asarray(fits, np.float64) / sum(fits)
    if len(scores) == 1 or not held.any():
        return equal
    return shrunken(learned_weights(np.stack(scores), held), equal, n_artists)


def learned_weights(scores: Floats, held: Mask) -> Doubles:
    """Return the weights (ranker,), 0 or more, that explain the plays `held` (queries, val) best.

    scores  (ranker, queries, val); each query has a play
    """
    n = len(scores)
    share = (held / held.sum(axis=1, keepdims=True)).astype(np.float32)
    stacked = np.ascontiguousarray(scores, np.float32)

    def cross_entropy(weights: Doubles) -> tuple[float, Doubles]:
        logits = np.tensordot(weights.astype(np.float32), stacked, axes=1)  # (queries, val)
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        totals = exponentials.sum(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
        slope = exponentials / totals - share
        loss = float((np.log(totals[:, 0]) - (share * logits).sum(axis=1)).mean(dtype=np.float64))
        return loss, np.tensordot(stacked, slope, axes=2).astype(np.float64) / len(held)

    found = minimize(cross_entropy, np.full(n, 1 / n), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * n)
    weights: Doubles = np.asarray(found.x, np.float64)
    return weights


def shrunken(weights: Doubles, equal: Doubles, n_artists: int) -> Doubles:
    """Return weights that sum to 1: `equal` ones (which sum to 1) where artists are few, learned ones where many."""
    if not weights.sum() > 0:
        return equal
    learned = n_artists / (n_artists + ARTISTS_OF_HALF)
    moved: Doubles = learned * weights / weights.sum() + (1 - learned) * equal
    return moved
