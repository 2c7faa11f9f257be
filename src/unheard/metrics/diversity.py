"""Beyond accuracy: what all lists together do to the catalogue. From the first k tracks of every playlist's list.

coverage            share of candidates that anybody is shown
exposure-gini       how unequally places in lists are shared out: 0 all alike, near 1 a few tracks fill every list
k-occurrence-skew   skewness of the number of lists that hold a track; hubs are in every list (Radovanović,
                    Nanopoulos & Ivanović, 2010)
antihub-share       share of candidates that are in no list
mean-popularity     mean number of playlists that hold a recommended track
distinct-artists    distinct main artists in a list, over k
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.metrics.accuracy import Values

Counts = NDArray[np.integer]
Lists = NDArray[np.integer]  # (query, k) candidate columns, -1 for empty places


def occurrences(lists: Lists, n_candidates: int) -> NDArray[np.int64]:
    """How many lists hold each candidate, (candidate,)."""
    return np.bincount(lists[lists >= 0], minlength=n_candidates)


def coverage(counts: Counts) -> float:
    return float((counts > 0).mean())


def antihub_share(counts: Counts) -> float:
    return float((counts == 0).mean())


def gini(counts: Counts) -> float:
    """Mean absolute difference over twice the mean; NaN when nothing is shown."""
    n, total = len(counts), float(counts.sum())
    if not total:
        return np.nan
    ascending = np.sort(counts)
    return float(2 * (np.arange(1, n + 1) * ascending).sum() / (n * total) - (n + 1) / n)


def skewness(counts: Counts) -> float:
    """Third central moment over the cubed standard deviation; NaN when all are alike."""
    centred = counts - counts.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / deviation**3) if deviation > 0 else np.nan


def mean_of_lists(lists: Lists, values: NDArray[np.floating]) -> Values:
    """Mean of a value per candidate over each list, (query,); NaN for an empty one."""
    filled = lists >= 0
    n = filled.sum(axis=1)
    sums = np.where(filled, values[lists], 0.0).sum(axis=1, dtype=np.float64)
    means: Values = np.divide(sums, n, out=np.full(len(lists), np.nan), where=n > 0)
    return means


def distinct_share(lists: Lists, groups: Counts, k: int) -> Values:
    """Distinct groups in each list over k, (query,)."""
    found = np.sort(np.where(lists >= 0, groups[lists], -1), axis=1)
    new = np.diff(found, axis=1, prepend=-1) != 0
    share: Values = (new & (found >= 0)).sum(axis=1) / k
    return share


def chance_skewness(n_queries: int, share: float) -> float:
    """Skewness of a binomial count: random lists hold a candidate with probability `share` each."""
    deviation = np.sqrt(n_queries * share * (1 - share))
    return float((1 - 2 * share) / deviation) if deviation > 0 else np.nan


def chance_gini(n_queries: int, share: float) -> float:
    """Gini coefficient of a binomial count: the sum over t of F(t)(1 - F(t)), over the mean."""
    from scipy.stats import binom  # half of the time that every command would take to start

    if not 0 < share < 1:
        return 0.0 if share else np.nan
    below = binom.cdf(np.arange(n_queries), n_queries, share)
    return float((below * (1 - below)).sum() / (n_queries * share))
