"""Tests of the inverted file: laws against the scan, recall on seeded data, filters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.index.worlds import clustered, playlists
from unheard.arrays import Floats
from unheard.index.build_index import build, exact_nearest, principal_axes
from unheard.index.inverted_file import InvertedFile
from unheard.index.row_vectors import Vectors, unit_vectors

N, D = 30_000, 32
RNG = np.random.default_rng(0)
TRACKS = clustered(N, D, RNG)
QUERIES = playlists(TRACKS, 80, RNG)


def made(kind: str) -> tuple[Vectors, Floats, InvertedFile]:
    """Return vectors, queries that the file was not made with, and a file with many short lists."""
    vectors = Vectors(TRACKS) if kind == "dot" else unit_vectors(TRACKS, TRACKS.mean(axis=0), min_length=0.0)
    queries = QUERIES if kind == "dot" else vectors.take(np.arange(80))
    return vectors, queries[40:], build(vectors, queries[:40], np.random.default_rng(1))


FILES = {kind: made(kind) for kind in ("dot", "cosine")}


@pytest.mark.parametrize("kind", FILES)
def test_with_all_lists_read_it_finds_what_a_scan_of_the_projections_finds(kind: str) -> None:
    vectors, queries, file = FILES[kind]
    everything = file.allowed(np.ones(N, np.bool_))
    projected = Vectors(vectors.take(np.arange(N)) @ file.axes)
    for query in queries[:10]:
        found = file.positions[file.nearest(query, 50, everything, share=1.0)[0]]
        expected = projected.nearest(query @ file.axes, 50, np.ones(N, np.bool_))
        np.testing.assert_array_equal(np.sort(found), expected)


@pytest.mark.parametrize("kind", FILES)
def test_it_finds_98_percent_of_the_ten_nearest_in_a_part_of_the_lists(kind: str) -> None:
    vectors, queries, file = FILES[kind]
    everything = file.allowed(np.ones(N, np.bool_))
    nearest = exact_nearest(vectors, queries, 10)
    found = [file.positions[file.nearest(query, 200, everything)[0]] for query in queries]
    assert np.mean([np.isin(best, rows).mean() for best, rows in zip(nearest, found, strict=True)]) >= 0.98
    assert file.shares[0] < 0.6


@pytest.mark.parametrize("depth", [10, 100, 1000])
@pytest.mark.parametrize("kind", FILES)
def test_it_reads_as_deep_as_is_asked(kind: str, depth: int) -> None:
    vectors, queries, file = FILES[kind]
    everything = file.allowed(np.ones(N, np.bool_))
    nearest = exact_nearest(vectors, queries, depth)
    found = [file.positions[file.nearest(query, 2 * depth + 200, everything, depth=depth)[0]] for query in queries]
    assert np.mean([np.isin(best, rows).mean() for best, rows in zip(nearest, found, strict=True)]) >= 0.98
    assert file.shares[0] < file.shares[-1]


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_nothing_is_found_that_is_not_allowed_and_no_vector_twice(seed: int, share: float) -> None:
    _, queries, file = FILES["dot"]
    allowed = np.random.default_rng(seed).random(N) < share
    found = file.positions[file.nearest(queries[0], 40, file.allowed(allowed[file.positions]))[0]]
    assert allowed[found].all()
    assert len(set(found.tolist())) == len(found) == min(40, int(allowed.sum()))


def test_of_a_filter_it_finds_98_percent_of_the_ten_nearest_that_fit() -> None:
    vectors, queries, file = FILES["dot"]
    fits = np.random.default_rng(2).random(N) < 0.1
    rows = np.flatnonzero(fits)
    nearest = rows[exact_nearest(Vectors(vectors.take(rows)), queries, 10)]
    allowed = file.allowed(fits[file.positions])
    found = [file.positions[file.nearest(query, 200, allowed, n_whole=N)[0]] for query in queries]
    assert np.mean([np.isin(best, rows).mean() for best, rows in zip(nearest, found, strict=True)]) >= 0.98


def test_each_vector_is_in_one_list_and_no_list_is_long() -> None:
    vectors, _, file = FILES["dot"]
    np.testing.assert_array_equal(np.sort(file.positions), np.arange(N))
    assert file.starts[0] == 0
    assert file.starts[-1] == N
    assert np.diff(file.starts).min() > 0
    assert np.diff(file.starts).max() <= 1000
    rows = file.positions[file.starts[3] : file.starts[4]]
    np.testing.assert_allclose(file.means[3], (vectors.take(rows) @ file.axes).mean(axis=0), atol=1e-5)


def test_equal_vectors_are_cut_into_lists_too() -> None:
    file = build(Vectors(np.ones((5000, 4), np.float32)), np.ones((3, 4), np.float32), np.random.default_rng(0))
    assert np.diff(file.starts).max() <= 1000
    found, _ = file.nearest(np.ones(4, np.float32), 7, file.allowed(np.ones(5000, np.bool_)))
    assert len(set(found.tolist())) == 7


def test_vectors_without_structure_are_read_nearly_all() -> None:
    """The hard case: the index is then no faster than a scan, but finds as much."""
    vectors = Vectors(RNG.normal(size=(4000, 64)).astype(np.float32))
    file = build(vectors, RNG.normal(size=(50, 64)).astype(np.float32), np.random.default_rng(0))
    assert file.shares[0] > 0.5


def test_the_axes_are_orthonormal_and_few_for_vectors_of_low_rank() -> None:
    flat = RNG.normal(size=(500, 3)) @ RNG.normal(size=(3, 20))
    axes = principal_axes(flat.astype(np.float32))
    assert axes.shape[1] <= 3
    assert np.abs(axes.T @ axes - np.eye(axes.shape[1])).max() < 1e-5


def test_unit_vectors_are_centred_and_have_length_one_or_none() -> None:
    matrix = np.array([[1, 1], [4, 5], [1, 1.0000001]], np.float32)
    vectors = unit_vectors(matrix, np.array([1, 1], np.float32), min_length=1e-4)
    expected = np.array([[0, 0], [0.6, 0.8], [0, 0]], np.float32)
    np.testing.assert_allclose(vectors.take(np.arange(3)), expected, atol=1e-6)
    query = np.array([1, 2], np.float32)
    np.testing.assert_allclose(vectors.products(query), vectors.take(np.arange(3)) @ query, atol=1e-6)
