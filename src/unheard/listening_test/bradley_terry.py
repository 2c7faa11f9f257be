"""Estimate Bradley-Terry strengths from pairwise preferences: P(a preferred to b) = s(theta_a - theta_b).

Bradley and Terry, "Rank analysis of incomplete block designs" (1952); s is the logistic function. Strengths maximise
the likelihood times a wide normal prior (mean 0, standard deviation `PRIOR_SD`), which changes the estimates little and
keeps the strength of a condition that always wins finite. Newton's method, for many tables of wins at once.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Doubles

PRIOR_SD = 3.0  # e^3 = 20 to 1
TOLERANCE = 1e-9
MAX_STEPS = 100


def strengths(wins: Doubles, *, prior_sd: float = PRIOR_SD) -> Doubles:
    """Return log strengths (..., condition), mean 0, from wins (..., condition, condition): [a, b] counts a over b."""
    theta = np.zeros(wins.shape[:-1])
    n_compared = wins + np.swapaxes(wins, -1, -2)
    eye = np.eye(wins.shape[-1])
    for _ in range(MAX_STEPS):
        p = preferred(theta[..., :, None] - theta[..., None, :])  # (..., a, b)
        gradient = wins.sum(axis=-1) - (n_compared * p).sum(axis=-1) - theta / prior_sd**2
        weights = n_compared * p * (1 - p)
        curvature = weights.sum(axis=-1)[..., None] * eye - weights + eye / prior_sd**2
        if np.isinf(prior_sd):  # only differences are determined then, so fix the sum at 0
            curvature = curvature + 1.0
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        theta = theta + step / np.maximum(1.0, np.abs(step).max(axis=-1, keepdims=True))
        if np.abs(step).max(initial=0.0) < TOLERANCE:
            break
    out: Doubles = theta - theta.mean(axis=-1, keepdims=True)
    return out


def preferred(difference: Doubles) -> Doubles:
    """Return the probability of preference for a difference of log strengths."""
    out: Doubles = 1 / (1 + np.exp(-difference))
    return out
