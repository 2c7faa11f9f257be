"""Wilcoxon's signed-rank test (1945), exact with ties, and the matched-pairs rank biserial correlation (Kerby, 2014).

Under "no difference" every rank is positive or negative like a coin; the distribution of their sum comes from adding
one rank after another. Zeros are left out before ranking, as Wilcoxon did; tied ranks share their mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ZERO = 1e-9  # means of points: what differs by less differs by rounding


def signed_rank(differences: NDArray[np.floating]) -> tuple[float, float]:
    """Two-sided p, and the effect: the share of rank sum that is positive less the share that is negative."""
    moved = differences[np.abs(differences) > ZERO]
    if not len(moved):
        return 1.0, 0.0
    _, place, counts = np.unique(np.round(np.abs(moved) / ZERO), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[place.reshape(-1)]  # twice the mean ranks: whole numbers
    total, positive = int(doubled.sum()), int(doubled[moved > 0].sum())
    chances = np.zeros(total + 1)  # of each sum of positive ranks
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] += chances[:-rank].copy()
        chances /= 2
    p = 2 * min(chances[: positive + 1].sum(), chances[positive:].sum())
    return min(1.0, float(p)), (2 * positive - total) / total
