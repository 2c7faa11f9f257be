"""Compute the agreement of raters: Krippendorff's alpha for interval data.

K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section E: alpha = 1 - D_o / D_e, where D_o is the
mean squared difference of two ratings of the same unit and D_e that of any two ratings. 1 is perfect agreement, 0 is
chance; units with one rating are not used. For answers of 0 or 1 the nominal alpha is the same.
"""

from __future__ import annotations

import numpy as np

from unheard.arrays import Reals


def krippendorff_alpha(ratings: Reals) -> float | None:
    """Return alpha of ratings (rater, unit), NaN where missing; None without two ratings of a unit, or if all agree."""
    rated = np.isfinite(ratings)
    per_unit = rated.sum(axis=0)
    pairable = per_unit > 1
    values, counts = np.where(rated, ratings, 0.0)[:, pairable], per_unit[pairable]
    n = int(counts.sum())
    if n == 0:
        return None
    # Sum over ordered pairs of (a - b)^2 in a set of m values is 2 (m sum a^2 - (sum a)^2).
    squares, sums = (values**2).sum(axis=0), values.sum(axis=0)
    observed = float((2 * (counts * squares - sums**2) / (counts - 1)).sum()) / n
    expected = 2 * (n * float(squares.sum()) - float(sums.sum()) ** 2) / (n * (n - 1))
    return 1 - observed / expected if expected > 0 else None
