"""Compute metrics beyond accuracy from the first k tracks of all lists.

coverage            share of candidates in at least one list
exposure-gini       Gini coefficient of the number of lists that hold a candidate: 0 if all numbers are equal, near 1 if
                    a few tracks fill all lists
k-occurrence-skew   skewness of the number of lists that hold a candidate; large if there are hubs, tracks in most lists
                    (Radovanović, Nanopoulos & Ivanović, 2010)
antihub-share       share of candidates in no list
mean-popularity     mean number of playlists that hold a recommended track
distinct-artists    distinct main artists in a list, over k
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.metrics.accuracy import Values

Counts = NDArray[np.integer]
Lists = NDArray[np.integer]  # (query, k) candidate columns, -1 where a list is shorter


def occurrences(lists: Lists, n_candidates: int) -> NDArray[np.int64]:
    """Return the number of lists that hold each candidate, (candidate,)."""
    return np.bincount(lists[lists >= 0], minlength=n_candidates)


def coverage(counts: Counts) -> float:
    """Return the share of candidates with a count above 0."""
    return float((counts > 0).mean())


def antihub_share(counts: Counts) -> float:
    """Return the share of candidates with the count 0."""
    return float((counts == 0).mean())


def gini(counts: Counts) -> float:
    """Return the mean absolute difference over twice the mean; NaN if all counts are 0."""
    n, total = len(counts), float(counts.sum())
    if not total:
        return np.nan
    ascending = np.sort(counts)
    return float(2 * (np.arange(1, n + 1) * ascending).sum() / (n * total) - (n + 1) / n)


def skewness(counts: Counts) -> float:
    """Return the third central moment over the cubed standard deviation; NaN if all counts are equal."""
    centred = counts - counts.mean()
    deviation = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / deviation**3) if deviation > 0 else np.nan


def mean_of_lists(lists: Lists, values: NDArray[np.floating]) -> Values:
    """Return the mean over each list of values (candidate,), (query,); NaN for an empty list."""
    filled = lists >= 0
    n = filled.sum(axis=1)
    sums = np.where(filled, values[lists], 0.0).sum(axis=1, dtype=np.float64)
    means: Values = np.divide(sums, n, out=np.full(len(lists), np.nan), where=n > 0)
    return means


def distinct_share(lists: Lists, groups: Counts, k: int) -> Values:
    """Return the number of distinct groups in each list over k, (query,); `groups` is (candidate,)."""
    found = np.sort(np.where(lists >= 0, groups[lists], -1), axis=1)
    new = np.diff(found, axis=1, prepend=-1) != 0
    share: Values = (new & (found >= 0)).sum(axis=1) / k
    return share


def chance_skewness(n_queries: int, share: float) -> float:
    """Return the skewness for random lists, that of a binomial count with probability `share`."""
    deviation = np.sqrt(n_queries * share * (1 - share))
    return float((1 - 2 * share) / deviation) if deviation > 0 else np.nan


def chance_gini(n_queries: int, share: float) -> float:
    """Return the Gini coefficient for random lists, that of a binomial: sum over t of F(t)(1 - F(t)), over the mean."""
    from scipy.stats import binom  # slow to import: it would double the start time of every command

    if not 0 < share < 1:
        return 0.0 if share else np.nan
    below = binom.cdf(np.arange(n_queries), n_queries, share)
    return float((below * (1 - below)).sum() / (n_queries * share))
