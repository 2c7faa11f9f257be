"""Compute accuracy metrics of rankings, vectorised over queries, without sampled negatives.

All but the AUC are functions of the ranks (from 1) of a query's relevant candidates in the full ranking:

    recall@k   hits in the first k / |R|
    nDCG@k     sum over hits of 1 / log2(rank + 1), over the same sum for the ideal ranking of min(k, |R|) hits
    AP@k       sum over hits of precision at the hit's rank, over min(k, |R|); its mean over queries is MAP@k
    RR         1 / rank of the first relevant candidate; its mean is MRR
    hit@k      whether any relevant candidate is in the first k
    AUC        share of (relevant, other) pairs in the right order, ties 1/2 (Mann and Whitney, 1947)

Järvelin and Kekäläinen (2002) for nDCG; Manning, Raghavan and Schütze (2008, chapter 8) for the rest. Some tools have
other denominators (k or |R| instead of min(k, |R|)), so their figures are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Ranks:
    """Ranks of relevant candidates: entry i is a relevant candidate of query[i] at rank[i] (from 1).

    Entries are ordered by query, then rank. Every query 0 .. n_queries-1 has |R| entries, at least one.
    """

    query: NDArray[np.int64]
    rank: NDArray[np.int64]
    n_queries: int

    @staticmethod
    def of(query: NDArray[np.integer], rank: NDArray[np.integer], n_queries: int) -> Ranks:
        """Sort the entries; raise ValueError if a query has none, since its metrics would be 0/0."""
        order = np.lexsort((rank, query))
        found = Ranks(query[order].astype(np.int64), rank[order].astype(np.int64), n_queries)
        if (found.n_relevant == 0).any():
            raise ValueError("every query needs a relevant candidate; leave the others out")
        return found

    @property
    def n_relevant(self) -> NDArray[np.int64]:
        """Number of relevant candidates |R| of each query, (query,)."""
        return np.bincount(self.query, minlength=self.n_queries)

    @property
    def nth(self) -> NDArray[np.int64]:
        """Position of each entry among the entries of its query, from 1 for the best rank, (entry,)."""
        ends = np.cumsum(self.n_relevant)
        return np.arange(1, len(self.query) + 1) - (ends - self.n_relevant)[self.query]

    def total(self, values: NDArray[np.floating | np.bool_]) -> Values:
        """Return the sums of values (entry,) over each query, (query,)."""
        return np.bincount(self.query, weights=values.astype(np.float64), minlength=self.n_queries).astype(np.float64)


def recall_at_k(ranks: Ranks, k: int) -> Values:
    """Return recall@k of each query, (query,)."""
    return ranks.total(ranks.rank <= k) / ranks.n_relevant


def hit_at_k(ranks: Ranks, k: int) -> Values:
    """Return 1 for each query with a relevant candidate in the first k, else 0, (query,)."""
    return (ranks.total(ranks.rank <= k) > 0).astype(np.float64)


def reciprocal_rank(ranks: Ranks) -> Values:
    """Return the reciprocal rank of each query's first relevant candidate, (query,)."""
    return ranks.total(np.where(ranks.nth == 1, 1 / ranks.rank, 0.0))


def ideal_dcg(n_relevant: NDArray[np.integer], k: int) -> Values:
    """Return the DCG of a ranking that starts with min(k, |R|) relevant candidates."""
    gains = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))])
    ideal: Values = gains[np.minimum(n_relevant, k)]
    return ideal


def gain_at_k(rank: NDArray[np.integer], k: int) -> Values:
    """Return the contribution to DCG@k of a relevant candidate at `rank` (from 1), in the same shape."""
    gain: Values = np.where(rank <= k, 1 / np.log2(rank + 1), 0.0)
    return gain


def ndcg_at_k(ranks: Ranks, k: int) -> Values:
    """Return nDCG@k of each query, (query,)."""
    return ranks.total(gain_at_k(ranks.rank, k)) / ideal_dcg(ranks.n_relevant, k)


def ndcg_of_lists(hits: NDArray[np.bool_], n_relevant: NDArray[np.integer], k: int) -> Values:
    """Return nDCG@k of lists; `hits` (query, <= k) is whether each entry of a list is relevant, best first."""
    gains = hits * gain_at_k(np.arange(1, hits.shape[1] + 1), k)
    ndcg: Values = gains.sum(axis=1) / ideal_dcg(n_relevant, k)
    return ndcg


def average_precision_at_k(ranks: Ranks, k: int) -> Values:
    """Return AP@k of each query, (query,)."""
    precision = np.where(ranks.rank <= k, ranks.nth / ranks.rank, 0.0)
    return ranks.total(precision) / np.minimum(ranks.n_relevant, k)


def auc(query: NDArray[np.integer], mid_rank: Values, n_candidates: NDArray[np.integer]) -> Values:
    """Return the AUC of each query from the mid-ranks (ties share their mean rank) of its relevant candidates.

    `n_candidates` (query,) counts all candidates, relevant ones included. NaN where every candidate is relevant.
    """
    n_queries = len(n_candidates)
    n_relevant = np.bincount(query, minlength=n_queries)
    ascending = np.bincount(query, weights=n_candidates[query] + 1 - mid_rank, minlength=n_queries)
    pairs = n_relevant * (n_candidates - n_relevant)
    won = ascending - n_relevant * (n_relevant + 1) / 2
    share: Values = np.divide(won, pairs, out=np.full(n_queries, np.nan), where=pairs > 0)
    return share


def shares_below(query: NDArray[np.integer], mid_rank: Values, n_candidates: NDArray[np.integer]) -> Values:
    """Return the share of the other candidates of its query that each relevant candidate is above, ties 1/2, (entry,).

    The mean over the relevant candidates of a query is its AUC; arguments as of `auc`, NaN where it is undefined.
    """
    entries = np.stack([query, mid_rank])
    _, group, size = np.unique(entries, axis=1, return_inverse=True, return_counts=True)  # ordered by query, then rank
    group = group.reshape(-1)
    n_relevant = np.bincount(query, minlength=len(n_candidates))
    before = (np.cumsum(size) - size)[group] - (np.cumsum(n_relevant) - n_relevant)[query]
    among_relevant = before + (size[group] + 1) / 2  # mid-rank among the relevant candidates alone
    n_others = (n_candidates - n_relevant)[query]
    above = mid_rank - among_relevant
    share: Values = 1 - np.divide(above, n_others, out=np.full(len(query), np.nan), where=n_others > 0)
    return share


def overlap_at_k(first: NDArray[np.integer], second: NDArray[np.integer], k: int, *, n_candidates: int) -> Values:
    """Return the share of the first k candidates that two rankings have in common, (query,).

    Both are (query, >= k) candidate columns below `n_candidates`, best first, without repeats; -1 where a list is
    shorter. NaN for a list with fewer than k candidates.
    """
    first, second = first[:, :k], second[:, :k]
    if first.shape[1] < k or second.shape[1] < k:
        return np.full(len(first), np.nan)
    listed = np.zeros((len(first), n_candidates + 1), np.bool_)  # -1 addresses the last column
    np.put_along_axis(listed, first, values=True, axis=1)
    common = np.take_along_axis(listed, second, axis=1).sum(axis=1) / k
    filled = (first >= 0).all(axis=1) & (second >= 0).all(axis=1)
    return np.where(filled, common, np.nan)
