"""Exact rankings of score matrices, with ties broken at random and never by index.

A tie key is a 64-bit hash of (seed, query, candidate), so the order of equal scores does not depend on which other
candidates or queries are ranked beside them: a top 20, a top 1,000 and the exact rank of one candidate always agree.
The hash is the finaliser of SplitMix64 (Steele, Lea & Flood, 2014, "Fast splittable pseudorandom number generators").

Scores are float32, larger is better. -inf means "not a candidate"; NaN is a bug of the caller.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.integer]
GOLDEN = 0x9E3779B97F4A7C15
BLOCK_SCORES = 4_000_000  # scores of one block: 32 MB as float64, and a few arrays of that size live at once


def blocks(n_queries: int, n_candidates: int, *, n_scores: int = BLOCK_SCORES) -> Iterator[slice]:
    """Slices of queries whose score matrix has at most about `n_scores` entries."""
    step = max(1, n_scores // max(1, n_candidates))
    for start in range(0, n_queries, step):
        yield slice(start, min(start + step, n_queries))


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser: a bijection of 64-bit numbers that scatters neighbours. `x` is not a scalar."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def tie_keys(seed: int, queries: Rows, candidates: Rows) -> NDArray[np.uint64]:
    """Keys of queries and candidates, broadcast against each other; the smaller key goes first."""
    start = mix(np.array([seed % 2**64], np.uint64) + np.uint64(GOLDEN))
    of_query = mix(start + (np.asarray(queries).astype(np.int64).astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN))
    return mix(of_query + np.asarray(candidates).astype(np.int64).astype(np.uint64) * np.uint64(GOLDEN))


def top_k(scores: NDArray[np.float32], k: int, *, seed: int, queries: Rows, candidates: Rows) -> NDArray[np.int32]:
    """Columns of the `k` best scores of each row, best first, (query, min(k, candidate)) int32.

    scores (query, candidate); `queries` and `candidates` name its rows and columns for the tie keys. Places that a row
    cannot fill because too few of its scores are finite are -1.
    """
    n_columns = scores.shape[1]
    k = min(k, n_columns)
    if k == 0 or not len(scores):
        return np.empty((len(scores), k), np.int32)
    if k < n_columns:
        chosen = np.argpartition(scores, n_columns - k, axis=1)[:, n_columns - k :]  # (query, k)
        _settle_last_places(chosen, scores, seed=seed, queries=queries, candidates=candidates)
    else:
        chosen = np.broadcast_to(np.arange(n_columns), scores.shape)
    values = np.take_along_axis(scores, chosen, axis=1)
    keys = tie_keys(seed, queries[:, None], candidates[chosen])
    order = np.lexsort((keys, -values), axis=1)
    columns = np.take_along_axis(chosen, order, axis=1).astype(np.int32)
    columns[np.isneginf(np.take_along_axis(values, order, axis=1))] = -1
    return columns


def _settle_last_places(
    chosen: NDArray[np.intp], scores: NDArray[np.float32], *, seed: int, queries: Rows, candidates: Rows
) -> None:
    """Where more scores equal the k-th one than there are places left, give the places to the smallest keys."""
    k = chosen.shape[1]
    values = np.take_along_axis(scores, chosen, axis=1)
    last = values.min(axis=1, keepdims=True)  # (query, 1)
    contested = (scores == last).sum(axis=1) > (values == last).sum(axis=1)
    for row in np.flatnonzero(contested & ~np.isneginf(last[:, 0])):
        better = np.flatnonzero(scores[row] > last[row])
        tied = np.flatnonzero(scores[row] == last[row])
        keys = tie_keys(seed, queries[row : row + 1], candidates[tied])
        chosen[row] = np.concatenate([better, tied[np.argsort(keys, kind="stable")[: k - len(better)]]])


def ranks_of(
    scores: NDArray[np.float32], rows: Rows, columns: Rows, *, seed: int, queries: Rows, candidates: Rows
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Ranks (from 1) of the entries (rows[i], columns[i]) of `scores` within their rows; `rows` ascend.

    Returns (rank, mid): `rank` with ties broken as `top_k` does, `mid` with equal scores sharing their mean rank.
    """
    rank = np.empty(len(rows), np.int64)
    mid = np.empty(len(rows), np.float64)
    edges = np.searchsorted(rows, np.arange(len(scores) + 1))
    for row in range(len(scores)):
        here = slice(int(edges[row]), int(edges[row + 1]))
        if here.start == here.stop:
            continue
        line = scores[row]
        ascending = np.sort(line)
        values = line[columns[here]]
        greater = len(line) - np.searchsorted(ascending, values, side="right")
        equal = len(line) - greater - np.searchsorted(ascending, values, side="left")
        mid[here] = greater + (equal + 1) / 2
        rank[here] = greater + 1
        for value in np.unique(values[equal > 1]):
            tied = np.flatnonzero(line == value)
            keys = tie_keys(seed, queries[row : row + 1], candidates[tied])
            before = np.empty(len(line), np.int64)
            before[tied[np.argsort(keys, kind="stable")]] = np.arange(len(tied))
            same = np.flatnonzero(values == value) + here.start
            rank[same] += before[columns[same]]
    return rank, mid
