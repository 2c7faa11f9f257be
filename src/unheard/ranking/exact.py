"""Rank score matrices exactly: the top k of every row, and the ranks of single entries.

Scores are float32, larger is better. -inf marks entries that are no candidates; NaN is not allowed. Equal scores are
ordered by tie keys (ties.py), or by an order that the caller passes.

The top k are found in one pass over the scores: a row is divided into groups of columns, and the k-th largest of the
groups' maxima is a bound that at least k scores reach, and few others. Only those are sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.ranking.ties import tie_keys

Keys = Callable[[NDArray[np.integer], NDArray[np.integer]], NDArray[np.integer]]  # (score row, column) -> order of ties
BLOCK_SCORES = 4_000_000  # scores of one block: 32 MB as float64, and a few arrays of this size exist at once


GROUPS = 4  # of columns for each of the k best: more bound better and take longer
MIN_GROUP = 16  # columns; below that, a partition is as fast
MAX_REACHED = 8  # times k: of more scores that reach the bound, most are equal
COUNTED = 16  # entries of a row whose ranks are counted one by one; of more, the row is sorted


def blocks(n_queries: int, n_candidates: int, *, n_scores: int = BLOCK_SCORES) -> Iterator[slice]:
    """Yield slices of queries whose score matrix has at most about `n_scores` entries."""
    step = max(1, n_scores // max(1, n_candidates))
    for start in range(0, n_queries, step):
        yield slice(start, min(start + step, n_queries))


def top_k(scores: NDArray[np.float32], k: int, *, seed: int, queries: Rows, candidates: Rows) -> NDArray[np.int32]:
    """Return the columns of the `k` best scores of each row, best first, (query, min(k, candidate)) int32.

    scores               (query, candidate)
    queries, candidates  numbers of its rows and columns in the tie keys

    A row with fewer than `k` finite scores ends with -1.
    """
    columns, values = _best(scores, k, lambda rows, columns: tie_keys(seed, queries[rows], candidates[columns]))
    columns[np.isneginf(values)] = -1
    return columns


def top_k_in_order(scores: NDArray[np.floating], k: int, order: Rows) -> NDArray[np.int32]:
    """Return `top_k` with equal scores in the order of `order`, a permutation of the columns for all rows.

    Every entry is a candidate: -inf and NaN count as the lowest float.
    """
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    lowest = np.finfo(scores.dtype).min
    if not np.isfinite(scores).all():
        scores = np.where(scores >= lowest, scores, lowest)  # comparisons with NaN are False
    return _best(scores, k, lambda _, columns: position[columns])[0]


def mid_ranks(scores: NDArray[np.floating], rows: Rows, columns: Rows) -> NDArray[np.float64]:
    """Return the ranks (from 1) of the entries (rows[i], columns[i]) within their rows; equal scores share their mean.

    `rows` ascend. Entries with -inf rank last, so they do not change the ranks of others.
    """
    mid = np.empty(len(rows), np.float64)
    for row, here in _by_row(rows, len(scores)):
        greater, equal = _counts(scores[row], scores[row, columns[here]])
        mid[here] = greater + (equal + 1) / 2
    return mid


def ranks_of(
    scores: NDArray[np.float32], rows: Rows, columns: Rows, *, seed: int, queries: Rows, candidates: Rows
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ranks (from 1) of the entries (rows[i], columns[i]) of `scores` within their rows; `rows` ascend.

    The result is (rank, mid): `rank` with ties broken as in `top_k`, and `mid` as in `mid_ranks`.
    """
    rank = np.empty(len(rows), np.int64)
    mid = np.empty(len(rows), np.float64)
    for row, here in _by_row(rows, len(scores)):
        line = scores[row]
        values = line[columns[here]]
        greater, equal = _counts(line, values)
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


def _best(scores: NDArray[np.floating], k: int, keys_of: Keys) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Return columns and values of the `k` best scores of each row, best first, both (query, min(k, candidate))."""
    n_rows, n_columns = scores.shape
    k = min(k, n_columns)
    if k == 0 or not n_rows:
        return np.empty((n_rows, k), np.int32), np.empty((n_rows, k), scores.dtype)
    bounds = _bounds(scores, k)
    if bounds is None:
        return _partitioned(scores, k, keys_of)
    reached = scores >= bounds[:, None]
    n_reached = reached.sum(axis=1)
    few = (n_reached >= k) & (n_reached <= MAX_REACHED * k)
    columns, values = np.empty((n_rows, k), np.int32), np.empty((n_rows, k), scores.dtype)
    if few.any():
        reached, n_reached = reached[few], n_reached[few]
        rows, found = np.nonzero(reached)
        # The columns of a row side by side; rows with fewer than the most of all are filled up with what ranks last.
        filled = np.arange(n_reached.max()) < n_reached[:, None]
        chosen, best = np.zeros(filled.shape, np.int64), np.full(filled.shape, -np.inf, scores.dtype)
        chosen[filled], best[filled] = found, scores[np.flatnonzero(few)[rows], found]
        columns[few], values[few] = _sorted(chosen, best, k, np.flatnonzero(few), keys_of)
    if not few.all():
        rest = np.flatnonzero(~few)
        columns[rest], values[rest] = _partitioned(scores[rest], k, lambda rows, columns: keys_of(rest[rows], columns))
    return columns, values


def _bounds(scores: NDArray[np.floating], k: int) -> NDArray[np.floating] | None:
    """Return a number (query,) that at least k scores of each row reach, -inf if none else; None for few columns."""
    n_columns = scores.shape[1]
    size = n_columns // (GROUPS * k)
    if size < MIN_GROUP:
        return None
    n_groups = n_columns // size  # the columns behind the last one bound nothing
    maxima = scores[:, : n_groups * size].reshape(len(scores), n_groups, size).max(axis=2)
    bounds: NDArray[np.floating] = np.partition(maxima, n_groups - k, axis=1)[:, n_groups - k]
    return bounds


def _sorted(
    chosen: NDArray[np.integer], values: NDArray[np.floating], k: int, rows: Rows, keys_of: Keys
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Sort chosen columns and their values, (query, chosen) both, and return the first k of each row."""
    order = np.lexsort((keys_of(rows[:, None], chosen), -values), axis=1)[:, :k]
    return np.take_along_axis(chosen, order, axis=1).astype(np.int32), np.take_along_axis(values, order, axis=1)


def _partitioned(scores: NDArray[np.floating], k: int, keys_of: Keys) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Return what `_best` returns, by a partition of whole rows: for few columns, and for many equal scores."""
    n_columns = scores.shape[1]
    if k < n_columns:
        chosen = np.argpartition(scores, n_columns - k, axis=1)[:, n_columns - k :]  # (query, k)
        _break_ties_at_k(chosen, scores, keys_of)
    else:
        chosen = np.broadcast_to(np.arange(n_columns), scores.shape)
    values = np.take_along_axis(scores, chosen, axis=1)
    return _sorted(chosen, values, k, np.arange(len(scores)), keys_of)


def _break_ties_at_k(chosen: NDArray[np.intp], scores: NDArray[np.floating], keys_of: Keys) -> None:
    """Replace the columns that equal the k-th score by those with the smallest keys, in rows with more than k ties."""
    k = chosen.shape[1]
    values = np.take_along_axis(scores, chosen, axis=1)
    last = values.min(axis=1, keepdims=True)  # (query, 1)
    has_others = (scores == last).sum(axis=1) > (values == last).sum(axis=1)  # of the same score, not chosen
    for row in np.flatnonzero(has_others & ~np.isneginf(last[:, 0])):
        better = np.flatnonzero(scores[row] > last[row])
        tied = np.flatnonzero(scores[row] == last[row])
        keys = keys_of(np.array([row]), tied)
        chosen[row] = np.concatenate([better, tied[np.argsort(keys, kind="stable")[: k - len(better)]]])


def _by_row(rows: Rows, n_rows: int) -> Iterator[tuple[int, slice]]:
    """Yield each row that has entries, with the slice of its entries."""
    edges = np.searchsorted(rows, np.arange(n_rows + 1))
    for row in np.flatnonzero(np.diff(edges)):
        yield int(row), slice(int(edges[row]), int(edges[row + 1]))


def _counts(line: NDArray[np.floating], values: NDArray[np.floating]) -> tuple[Rows, Rows]:
    """Return how many scores of a row are greater than each value, and how many are equal to it."""
    if len(values) <= COUNTED:
        at_least = np.array([np.count_nonzero(line >= value) for value in values], np.int64)
        greater = np.array([np.count_nonzero(line > value) for value in values], np.int64)
        return greater, at_least - greater
    ascending = np.sort(line)
    greater = len(ascending) - np.searchsorted(ascending, values, side="right")
    return greater, len(ascending) - greater - np.searchsorted(ascending, values, side="left")
