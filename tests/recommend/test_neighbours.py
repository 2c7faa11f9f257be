"""Tests of nearest neighbours: a hand-worked table, the formulas as loops, and edge cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from implicit.nearest_neighbours import CosineRecommender
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.recommend import neighbours
from unheard.recommend.neighbours import (
    NeighbourRecommender,
    Profiles,
    Similarity,
    means,
    nearest_playlists,
    nearest_tracks,
)

# track        1  2  3  4
HAND = csr_matrix(
    [
        [1, 1, 0, 0],  # A
        [1, 1, 1, 0],  # B
        [0, 0, 1, 1],  # C
    ],
    dtype=np.float32,
)
A, B, C = range(3)
PLAYLISTS, TRACKS = np.arange(3), np.arange(4)
MAKERS = (nearest_playlists, nearest_tracks)
KINDS: tuple[tuple[Similarity, bool], ...] = (("cosine", False), ("pearson", False), ("pearson", True))


def scores(found: NeighbourRecommender) -> NDArray[np.float32]:
    return found.scores(PLAYLISTS, TRACKS)


def test_cosine_of_playlists() -> None:
    """A.B = 2 / (√2 √3), B.C = 1 / (√3 √2), A.C = 0: C is no neighbour of A."""
    ab, bc = 2 / np.sqrt(6), 1 / np.sqrt(6)
    found = Profiles.of(HAND, "cosine").between(PLAYLISTS, PLAYLISTS)
    np.testing.assert_allclose(found, [[1, ab, 0], [ab, 1, bc], [0, bc, 1]], rtol=1e-6)
    expected = [
        [1, 1, 1, 0],  # A asks B alone
        [ab / (ab + bc), ab / (ab + bc), bc / (ab + bc), bc / (ab + bc)],  # 2/3, 2/3, 1/3, 1/3
        [1, 1, 1, 0],  # C asks B alone
    ]
    np.testing.assert_allclose(scores(nearest_playlists("x", HAND, "cosine", k=2)), expected, rtol=1e-6)


def test_pearson_of_playlists() -> None:
    """Means over the 4 tracks: A 1/2, B 3/4, C 1/2.

    A, B: (2 - 4 * 1/2 * 3/4) / (√(2 - 4/4) √(3 - 4 * 9/16)) = 0.5 / √0.75 = 0.577. A, C: -1. B, C: -0.577.
    """
    s = 0.5 / np.sqrt(0.75)
    found = Profiles.of(HAND, "pearson").between(PLAYLISTS, PLAYLISTS)
    np.testing.assert_allclose(found, [[1, s, -1], [s, 1, -s], [-1, -s, 1]], rtol=1e-6)
    plain, adjusted = (nearest_playlists("x", HAND, "pearson", adjusted=how, k=2) for how in (False, True))
    np.testing.assert_allclose(scores(plain), [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]], atol=1e-6)
    expected = [
        [0.75, 0.75, 0.75, -0.25],  # 1/2 + (1 - 3/4), ..., 1/2 + (0 - 3/4)
        [1.25, 1.25, 0.25, 0.25],  # 3/4 + (1 - 1/2), ..., 3/4 + (0 - 1/2)
        [0.5, 0.5, 0.5, 0.5],  # nobody is like C: its mean
    ]
    np.testing.assert_allclose(scores(adjusted), expected, atol=1e-6)


def test_cosine_of_tracks() -> None:
    """Columns (1,1,0), (1,1,0), (0,1,1), (0,0,1): 12 = 1, 13 = 23 = 1/2, 34 = 1/√2, 14 = 24 = 0."""
    h, r = 0.5, 1 / np.sqrt(2)
    found = Profiles.of(HAND.T.tocsr(), "cosine").between(TRACKS, TRACKS)
    np.testing.assert_allclose(found, [[1, 1, h, 0], [1, 1, h, 0], [h, h, 1, r], [0, 0, r, 1]], atol=1e-6)
    of_3 = 2 * h + r
    expected = [
        [1 / 1.5, 1 / 1.5, 2 * h / of_3, 0],  # A holds 1 and 2: for track 1 that is its neighbour 2 (1), not 3 (1/2)
        [1, 1, 2 * h / of_3, 1],  # 4 is not in B
        [h / 1.5, h / 1.5, r / of_3, 1],
    ]
    np.testing.assert_allclose(scores(nearest_tracks("x", HAND, "cosine", k=3)), expected, rtol=1e-6)


def test_pearson_of_tracks() -> None:
    """Means over the 3 playlists: 2/3, 2/3, 2/3, 1/3.

    12: (2 - 3 * 4/9) / (2/3) = 1. 34: (1 - 3 * 2/9) / √(2/3 * 2/3) = 1/2. 13: (1 - 4/3) / (2/3) = -1/2. 14: -1.
    """
    found = Profiles.of(HAND.T.tocsr(), "pearson").between(TRACKS, TRACKS)
    expected = [[1, 1, -0.5, -1], [1, 1, -0.5, -1], [-0.5, -0.5, 1, 0.5], [-1, -1, 0.5, 1]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    plain, adjusted = (nearest_tracks("x", HAND, "pearson", adjusted=how) for how in (False, True))
    np.testing.assert_allclose(scores(plain), [[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 1]], atol=1e-6)
    third = 1 / 3
    expected = [
        [1, 1, third, -third],  # 2/3 + (1 - 2/3) twice, 2/3 + (0 - 1/3), 1/3 + (0 - 2/3)
        [1, 1, third, 2 * third],
        [0, 0, 4 * third, 2 * third],
    ]
    np.testing.assert_allclose(scores(adjusted), expected, atol=1e-6)


def some_ratings(seed: int = 0, *, binary: bool = False) -> csr_matrix:
    """20 playlists x 15 tracks; the last two tracks are new, the last playlist is empty. Weights make ties unlikely."""
    rng = np.random.default_rng(seed)
    table = np.where(rng.random((20, 15)) < 0.5, rng.uniform(1, 5, (20, 15)), 0)
    table[:, 13:] = 0
    table[19] = 0
    return csr_matrix((table > 0) if binary else table, dtype=np.float32)


def slow(
    ratings: csr_matrix, similarity: Similarity, *, adjusted: bool, k: int, of_tracks: bool
) -> NDArray[np.float64]:
    """The formulas of the module, one pair at a time."""
    table = ratings.toarray().astype(float)
    rows = table.T if of_tracks else table
    used = rows[:, rows.any(axis=0)]  # columns with a rating
    mean = used.mean(axis=1)
    off = mean[:, None] if similarity == "pearson" else 0
    out = np.zeros(rows.shape)
    for i, own in enumerate(used - off):
        near = []
        for j, other in enumerate(used - off):
            lengths = np.linalg.norm(own) * np.linalg.norm(other)
            s = float(own @ other) / lengths if lengths > 1e-9 else 0.0
            if j != i and s > 1e-9:
                near.append((s, j))
        near = sorted(near, reverse=True)[:k]
        total = sum(s for s, _ in near)
        for column in range(rows.shape[1]):
            deviations = [s * (rows[j, column] - (mean[j] if adjusted else 0)) for s, j in near]
            out[i, column] = (mean[i] if adjusted else 0) + (sum(deviations) / total if near else 0)
    return out.T if of_tracks else out


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("similarity", "adjusted"), KINDS)
@pytest.mark.parametrize("k", [3, 50])
def test_the_formulas_one_pair_at_a_time(
    make: Callable[..., NeighbourRecommender], similarity: Similarity, adjusted: bool, k: int
) -> None:
    ratings = some_ratings()
    found = make("x", ratings, similarity, adjusted=adjusted, k=k).scores(np.arange(20), np.arange(15))
    expected = slow(ratings, similarity, adjusted=adjusted, k=k, of_tracks=make is nearest_tracks)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Method expects CSR input")  # it hands itself another format
def test_cosine_of_tracks_is_that_of_implicit() -> None:
    ratings = some_ratings()[:19, :13]
    theirs = CosineRecommender(K=13)
    theirs.fit(ratings, show_progress=False)
    ours = Profiles.of(ratings.T.tocsr(), "cosine").between(np.arange(13), np.arange(13))
    np.testing.assert_allclose(ours, theirs.similarity.toarray(), atol=1e-6)


def test_pearson_is_that_of_numpy() -> None:
    ratings = some_ratings()
    ours = Profiles.of(ratings, "pearson").between(np.arange(19), np.arange(19))
    np.testing.assert_allclose(ours, np.corrcoef(ratings.toarray()[:19, :13]), atol=1e-5)


def test_adjustment_moves_a_playlist_as_a_whole_but_each_track_differently() -> None:
    ratings, everyone, known = some_ratings(binary=True), np.arange(19), np.arange(13)
    moved = []
    for make in MAKERS:
        plain, adjusted = (make("x", ratings, "pearson", adjusted=how).scores(everyone, known) for how in (False, True))
        moved.append(adjusted - plain)
    np.testing.assert_allclose(moved[0], np.broadcast_to(moved[0][:, :1], moved[0].shape), atol=1e-5)
    assert moved[1].std(axis=1).min() > 0.01


def test_new_tracks_and_empty_playlists_tie() -> None:
    ratings = some_ratings()
    for make in MAKERS:
        for similarity, adjusted in KINDS:
            found = make("x", ratings, similarity, adjusted=adjusted)
            new = found.scores(np.arange(20), np.array([13, 14]))
            np.testing.assert_array_equal(new[:, 0], new[:, 1])
            assert not found.similarities(np.array([13]), np.arange(15)).any()


def test_rows_without_variance_have_similarity_0() -> None:
    everywhere = csr_matrix([[1, 1, 1], [1, 0, 1], [0, 1, 0]], dtype=np.float32)
    found = Profiles.of(everywhere, "pearson")
    assert not found.between(np.array([0]), np.arange(3)).any()
    assert found.nearest(2)[[0]].nnz == 0


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = Profiles.of(some_ratings(), "pearson")
    whole = profiles.nearest(4)
    for size in (1, 25):
        monkeypatch.setattr(neighbours, "BLOCK_SCORES", size)
        assert (profiles.nearest(4) != whole).nnz == 0


def test_ties_at_the_last_place_are_not_broken_by_index() -> None:
    alike = csr_matrix(np.ones((60, 4), np.float32))
    chosen = Profiles.of(alike, "cosine").nearest(5)
    assert (np.diff(chosen.indptr) == 5).all()
    np.testing.assert_allclose(chosen.data, 0.2)
    assert len(np.unique(chosen.indices)) > 50


def test_nothing_played() -> None:
    empty = csr_matrix((3, 4), dtype=np.float32)
    assert not means(empty).any()
    for make in MAKERS:
        for similarity, adjusted in KINDS:
            assert not make("x", empty, similarity, adjusted=adjusted).scores(np.arange(3), np.arange(4)).any()
