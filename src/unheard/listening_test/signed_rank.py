"""Compute Wilcoxon's signed-rank test, exact with ties, and the matched-pairs rank biserial correlation.

Wilcoxon (1945); Kerby (2014). Under the hypothesis of no difference every rank is positive or negative with probability
1/2; the distribution of their sum is computed by adding one rank after another. Zeros are dropped before ranking, as
Wilcoxon did; tied ranks share their mean.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Reals

ZERO = 1e-9  # smaller differences of means are rounding errors


def signed_rank(differences: Reals) -> tuple[float, float]:
    """Return the two-sided p, and the effect: the positive share of the rank sum minus the negative share."""
    nonzero = differences[np.abs(differences) > ZERO]
    if not len(nonzero):
        return 1.0, 0.0
    _, index, counts = np.unique(np.round(np.abs(nonzero) / ZERO), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[index.reshape(-1)]  # twice the mean ranks, so whole numbers
    total, positive = int(doubled.sum()), int(doubled[nonzero > 0].sum())
    probability = np.zeros(total + 1)  # of each sum of positive ranks
    probability[0] = 1.0
    for rank in doubled:
        probability[rank:] += probability[:-rank].copy()
        probability /= 2
    p = 2 * min(probability[: positive + 1].sum(), probability[positive:].sum())
    return min(1.0, float(p)), (2 * positive - total) / total
