"""Recall by popularity: a hand-worked table; bands partition the hits; equal weights change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.metrics.accuracy import Ranks, recall_at_k
from unheard.metrics.recall_by_popularity import BANDS, INVERSE, popularity_band, recall_weights, weighted_recall_at_k

# Three playlists and four tracks. Track 0 has 3 plays, track 1 two, tracks 2 and 3 one each; seven plays in all.
QUERY = np.array([0, 0, 0, 1, 1, 1, 2])
TRACK = np.array([0, 1, 2, 0, 1, 3, 0])
RANK = np.array([1, 9, 2, 1, 2, 8, 7])


def test_by_hand() -> None:
    # Ordered by plays: 2 3 | 1 1 | 0 0 0. The middles of their plays lie at 1/7, 3/7 and 5.5/7 of all plays.
    weights = recall_weights(TRACK)
    band = [BANDS[i] for i in popularity_band(np.array([3, 2, 1, 3, 2, 1, 3]))]
    assert band == ["high", "middle", "low", "high", "middle", "low", "high"]
    found = {name: weighted_recall_at_k(QUERY, RANK, weight, 2, 3) for name, weight in weights.items()}
    np.testing.assert_array_equal(found["recall-low"], [1, 0, np.nan])
    np.testing.assert_array_equal(found["recall-middle"], [0, 1, np.nan])
    np.testing.assert_array_equal(found["recall-high"], [1, 1, 0])
    # Playlist 0: weights 1/3, 1/2, 1, of which the first and the last are hits: (4/3) / (11/6) = 8/11
    # Playlist 1: weights 1/3, 1/2, 1, of which the first two are hits: (5/6) / (11/6) = 5/11
    np.testing.assert_allclose(found[INVERSE], [8 / 11, 5 / 11, 0])


@pytest.fixture
def random_ranks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    popularity = 1 / np.arange(1, 61)
    tracks = [
        rng.choice(60, size=rng.integers(1, 12), replace=False, p=popularity / popularity.sum()) for _ in range(80)
    ]
    ranks = [rng.choice(np.arange(1, 61), size=len(some), replace=False) for some in tracks]
    return np.repeat(np.arange(80), [len(some) for some in tracks]), np.concatenate(tracks), np.concatenate(ranks)


def test_bands_partition_the_hits(random_ranks: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    query, track, rank = random_ranks
    weights = recall_weights(track)
    bands = [weights[f"recall-{name}"] for name in BANDS]
    np.testing.assert_array_equal(sum(bands), np.ones(len(track)))
    hits = sum(
        np.nan_to_num(weighted_recall_at_k(query, rank, band, 20, 80)) * np.bincount(query, weights=band, minlength=80)
        for band in bands
    )
    np.testing.assert_allclose(hits, np.bincount(query, weights=rank <= 20, minlength=80))
    for band in bands:  # tracks of one number of plays stay together, so thirds are not exact
        assert band.mean() == pytest.approx(1 / 3, abs=0.1)
    plays = np.bincount(track)[track]
    assert plays[bands[0] > 0].max() < plays[bands[1] > 0].min() < plays[bands[2] > 0].min()


def test_equal_weights_give_recall(random_ranks: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    query, _, rank = random_ranks
    weighted = weighted_recall_at_k(query, rank, np.full(len(query), 0.25), 20, 80)
    np.testing.assert_allclose(weighted, recall_at_k(Ranks.of(query, rank, 80), 20))


def test_the_weighting_removes_the_popular_tracks_advantage() -> None:
    """The most played track alone: its recall is its share of plays, and by inverse plays its share of tracks."""
    track = np.repeat(np.arange(4), [7, 1, 1, 1])
    weight = recall_weights(track)[INVERSE]
    one_query = np.zeros(10, np.int64)
    rank = np.where(track == 0, 1, 99)
    assert weighted_recall_at_k(one_query, rank, np.ones(10), 20, 1)[0] == pytest.approx(7 / 10)
    assert weighted_recall_at_k(one_query, rank, weight, 20, 1)[0] == pytest.approx(1 / 4)


def test_tracks_of_equal_plays_are_in_one_band() -> None:
    np.testing.assert_array_equal(popularity_band(np.ones(5)), np.ones(5))
    assert len(popularity_band(np.zeros(0))) == 0
