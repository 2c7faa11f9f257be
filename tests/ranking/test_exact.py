"""Tests of rankings against a full sort, and of random tie-breaking."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.stats import rankdata

from unheard.ranking import blocks, mid_ranks, ranks_of, tie_keys, top_k, top_k_in_order
from unheard.ranking.exact import COUNTED

KINDS = ("normal", "few values", "constant", "few candidates", "none")
FEW_VALUES = st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 0.5000001, 2.0])
MATRICES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=FEW_VALUES)


def full_sort(scores: NDArray[np.float32], seed: int, queries: NDArray, candidates: NDArray) -> NDArray[np.int64]:
    """The obvious ranking: every column of each row, by score, then by key."""
    keys = tie_keys(seed, queries[:, None], candidates[None, :])
    order = np.lexsort((keys, -scores), axis=1)
    return np.where(np.isneginf(np.take_along_axis(scores, order, axis=1)), -1, order)


@settings(max_examples=200, deadline=None)
@given(scores=MATRICES, k=st.integers(0, 14), seed=st.integers(0, 3))
def test_top_k_is_the_head_of_a_full_sort(scores: NDArray[np.float32], k: int, seed: int) -> None:
    queries, candidates = np.arange(len(scores)) * 7, np.arange(scores.shape[1]) * 3 + 1
    found = top_k(scores, k, seed=seed, queries=queries, candidates=candidates)
    np.testing.assert_array_equal(found, full_sort(scores, seed, queries, candidates)[:, :k])


@settings(max_examples=200, deadline=None)
@given(scores=MATRICES, seed=st.integers(0, 3))
def test_ranks_are_positions_in_the_full_sort(scores: NDArray[np.float32], seed: int) -> None:
    queries, candidates = np.arange(len(scores)), np.arange(scores.shape[1])
    rows, columns = np.nonzero(np.isfinite(scores))
    rank, mid = ranks_of(scores, rows, columns, seed=seed, queries=queries, candidates=candidates)
    order = full_sort(scores, seed, queries, candidates)
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        assert order[row, rank[i] - 1] == column
        greater, equal = (scores[row] > scores[row, column]).sum(), (scores[row] == scores[row, column]).sum()
        assert mid[i] == greater + (equal + 1) / 2


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(900, 3000),
    k=st.sampled_from([1, 3, 10]),
    kinds=st.lists(
        st.sampled_from(["normal", "few values", "constant", "few candidates", "none"]), min_size=1, max_size=6
    ),
)
def test_long_rows_of_every_kind_side_by_side(seed: int, n: int, k: int, kinds: list[str]) -> None:
    """Long rows are bounded by groups of columns; rows with many equal scores or few candidates are not."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(len(kinds), n)).astype(np.float32)
    for row, kind in zip(scores, kinds, strict=True):
        if kind == "few values":
            row[:] = rng.integers(0, 5, n)
        elif kind == "constant":
            row[:] = 1
        elif kind == "few candidates":
            row[rng.permutation(n)[k - 1 :]] = -np.inf
        elif kind == "none":
            row[:] = -np.inf
    queries, candidates = np.arange(len(kinds)) + 3, rng.permutation(n)
    found = top_k(scores, k, seed=seed, queries=queries, candidates=candidates)
    np.testing.assert_array_equal(found, full_sort(scores, seed, queries, candidates)[:, :k])
    order = rng.permutation(n)
    position = np.argsort(order)
    np.testing.assert_array_equal(
        top_k_in_order(scores.astype(np.float64), k, order),
        np.lexsort((np.tile(position, (len(scores), 1)), -scores))[:, :k],
    )
    rows = np.repeat(np.arange(len(kinds)), 2 * COUNTED)
    columns = rng.integers(0, n, len(rows))
    sparse = slice(0, len(rows), 7)  # few entries of a row are counted, many are found in the sorted row
    for here in (slice(None), sparse):
        mid = mid_ranks(scores, rows[here], columns[here])
        expected = [rankdata(-scores[row])[column] for row, column in zip(rows[here], columns[here], strict=True)]
        np.testing.assert_array_equal(mid, expected)


def test_a_list_does_not_depend_on_other_queries_and_candidates() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (30, 50)).astype(np.float32)
    queries, candidates = np.arange(30), np.arange(50)
    together = top_k(scores, 20, seed=1, queries=queries, candidates=candidates)
    for row in (0, 11, 29):
        alone = top_k(scores[row : row + 1], 5, seed=1, queries=queries[row : row + 1], candidates=candidates)
        np.testing.assert_array_equal(alone[0], together[row, :5])
    shuffled = rng.permutation(50)
    again = top_k(scores[:, shuffled], 20, seed=1, queries=queries, candidates=candidates[shuffled])
    np.testing.assert_array_equal(shuffled[again], together)


def test_ties_are_broken_evenly_and_by_the_seed() -> None:
    n_queries, n = 4000, 20
    constant = np.zeros((n_queries, n), np.float32)
    found = top_k(constant, 5, seed=0, queries=np.arange(n_queries), candidates=np.arange(n))
    counts = np.bincount(found.ravel(), minlength=n)  # each expected 4000 * 5 / 20 = 1000, deviation 27
    assert np.abs(counts - 1000).max() < 5 * 27
    first = np.bincount(found[:, 0], minlength=n)  # each expected 200, deviation 14
    assert np.abs(first - 200).max() < 5 * 14
    other = top_k(constant, 5, seed=1, queries=np.arange(n_queries), candidates=np.arange(n))
    assert (found != other).mean() > 0.9


def test_keys_do_not_collide() -> None:
    keys = tie_keys(3, np.arange(300)[:, None], np.arange(300)[None, :])
    assert len(np.unique(keys)) == 300 * 300


def test_blocks_cover_every_query_once() -> None:
    for n_queries, n_candidates in [(10, 3), (0, 5), (7, 0), (5, 10**9)]:
        covered = [i for place in blocks(n_queries, n_candidates, n_scores=12) for i in range(place.start, place.stop)]
        assert covered == list(range(n_queries))


def test_nothing_to_rank() -> None:
    empty = np.empty((3, 0), np.float32)
    assert top_k(empty, 5, seed=0, queries=np.arange(3), candidates=np.arange(0)).shape == (3, 0)


@settings(max_examples=200, deadline=None)
@given(scores=MATRICES, k=st.integers(0, 14), seed=st.integers(0, 3), broken=st.booleans())
def test_an_order_of_the_columns_breaks_ties(scores: NDArray[np.float32], k: int, seed: int, broken: bool) -> None:
    """NaN and -inf come last, in the order of the columns too."""
    order = np.random.default_rng(seed).permutation(scores.shape[1])
    given_scores = np.where((scores == 0.5) & broken, np.float32(np.nan), scores)
    lowest = np.where(np.isnan(given_scores), -np.inf, given_scores)
    truth = order[np.argsort(-lowest[:, order], axis=1, kind="stable")]
    np.testing.assert_array_equal(top_k_in_order(given_scores, k, order), truth[:, :k])


@settings(max_examples=100, deadline=None)
@given(scores=MATRICES)
def test_mid_ranks_are_those_of_scipy(scores: NDArray[np.float32]) -> None:
    rows, columns = np.nonzero(np.isfinite(scores))
    np.testing.assert_array_equal(mid_ranks(scores, rows, columns), rankdata(-scores, axis=1)[rows, columns])
