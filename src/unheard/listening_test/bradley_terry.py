"""Bradley and Terry (1952), "Rank analysis of incomplete block designs": P(a preferred to b) = s(theta_a - theta_b).

s is the logistic function. Strengths are the maximum of the likelihood times a wide normal prior (mean 0, standard
deviation `PRIOR_SD`), which changes what data say by little and keeps a condition that always wins finite. Newton's
method, for many tables of wins at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIOR_SD = 3.0  # e^3 = 20 to 1
TOLERANCE = 1e-9
MOST_STEPS = 100

Floats = NDArray[np.float64]


def strengths(wins: Floats, *, prior_sd: float = PRIOR_SD) -> Floats:
    """Log strengths (..., condition), mean 0, from wins (..., condition, condition): [a, b] counts a over b."""
    theta = np.zeros(wins.shape[:-1])
    met = wins + np.swapaxes(wins, -1, -2)
    eye = np.eye(wins.shape[-1])
    for _ in range(MOST_STEPS):
        p = preferred(theta[..., :, None] - theta[..., None, :])  # (..., a, b)
        gradient = wins.sum(axis=-1) - (met * p).sum(axis=-1) - theta / prior_sd**2
        weights = met * p * (1 - p)
        curvature = weights.sum(axis=-1)[..., None] * eye - weights + eye / prior_sd**2
        if np.isinf(prior_sd):  # then only differences are determined: hold the sum at 0
            curvature = curvature + 1.0
        step = np.linalg.solve(curvature, gradient[..., None])[..., 0]
        theta = theta + step / np.maximum(1.0, np.abs(step).max(axis=-1, keepdims=True))
        if np.abs(step).max(initial=0.0) < TOLERANCE:
            break
    out: Floats = theta - theta.mean(axis=-1, keepdims=True)
    return out


def preferred(difference: Floats) -> Floats:
    """The probability that goes with a difference of log strengths."""
    out: Floats = 1 / (1 + np.exp(-difference))
    return out
