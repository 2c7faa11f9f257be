"""Compute the exact expectations of metrics for a random ranking.

N candidates are in random order, and r of them are relevant. The rank of a candidate is uniform on 1 .. N, and all
orders are equally probable. The functions take N and r of each query, (query,), and return (query,).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.metrics.accuracy import Values, ideal_dcg

Counts = NDArray[np.integer]


def _log_choose(n: NDArray[np.floating], k: NDArray[np.floating]) -> Values:
    """Return the logarithm of the binomial coefficient n over k, elementwise; -inf where k > n."""
    from scipy.special import gammaln  # takes a third of a second, and servers do not need it

    inside: Values = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    log: Values = np.where(k <= n, inside, -np.inf)
    return log


def chance_recall(n: Counts, r: Counts, k: int) -> Values:
    """Return k/N, the probability that a relevant candidate is in the first k."""
    share: Values = np.minimum(k / n, 1.0) + 0.0 * r
    return share


def chance_hit(n: Counts, r: Counts, k: int) -> Values:
    """Return 1 minus the hypergeometric probability of no relevant candidate in the first k."""
    first = np.minimum(k, n).astype(np.float64)
    return 1 - np.exp(_log_choose((n - r).astype(np.float64), first) - _log_choose(n.astype(np.float64), first))


def chance_reciprocal_rank(n: Counts, r: Counts) -> Values:
    """Return the sum over i of 1/i times P(the first relevant rank is i) = C(N - i, r - 1) / C(N, r)."""
    pairs, inverse = np.unique(np.stack([n, r], axis=1), axis=0, return_inverse=True)
    values = np.empty(len(pairs))
    for index, (n_candidates, n_relevant) in enumerate(pairs.astype(np.float64)):
        i = np.arange(1.0, n_candidates - n_relevant + 2)
        total = _log_choose(np.array([n_candidates]), np.array([n_relevant]))
        log_p = _log_choose(n_candidates - i, np.full_like(i, n_relevant - 1)) - total
        values[index] = (np.exp(log_p) / i).sum()
    expected: Values = values[inverse.reshape(-1)]
    return expected


def chance_ndcg(n: Counts, r: Counts, k: int) -> Values:
    """Return expected nDCG@k: each rank is relevant with probability r/N, so E[DCG] is r/N times the DCG of k hits."""
    return r / n * ideal_dcg(n, k) / ideal_dcg(r, k)


def chance_average_precision(n: Counts, r: Counts, k: int) -> Values:
    """Return expected AP@k.

    Rank i is relevant with probability r/N, and then the expected precision is (1 + (i - 1)(r - 1)/(N - 1)) / i. The
    sum over i <= min(k, N), with H the harmonic number, is r/N (H + (min(k, N) - H)(r - 1)/(N - 1)) / min(k, r).
    """
    depth = np.minimum(k, n)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(depth.max(initial=0)) + 1))])[depth]
    others = (r - 1) / np.maximum(n - 1, 1)
    expected: Values = r / n * (harmonic + (depth - harmonic) * others) / np.minimum(k, r)
    return expected


def chance_distinct(groups: NDArray[np.integer], k: int) -> float:
    """Return the expected number of distinct groups among k of N members drawn at random, over k. `groups` is (N,)."""
    n = np.array([float(len(groups))])
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    first = np.array([float(min(k, len(groups)))])
    missing = np.exp(_log_choose(n - sizes, first) - _log_choose(n, first))
    return float((1 - missing).sum() / k)


def chance_coverage(n_queries: int, share: float) -> float:
    """Return the expected share of candidates in any of `n_queries` lists, each with probability `share` per list."""
    from scipy.special import xlog1py

    return float(-np.expm1(xlog1py(n_queries, -min(share, 1.0))))
