"""Playlists of neighbours, worked by hand on tracks that lie on two lines."""

from __future__ import annotations

import numpy as np
import pytest

from unheard.ids import IdMap
from unheard.training import neighbour_playlists as module
from unheard.training.neighbour_playlists import NEAREST, neighbour_playlists


def test_each_train_track_stands_for_its_nearest_tracks() -> None:
    # Forty tracks in two directions from the mean (5, 5); validation tracks continue the first direction.
    steps = np.arange(1, 21)[:, None]
    right, left = 5 + steps * np.array([1.0, 0.0]), 5 - steps * np.array([1.0, 0.0])
    train = np.concatenate([right, left]).astype(np.float32)
    validation = np.array([[50, 5], [5, 60]], np.float32)
    ids, plays, factors = neighbour_playlists(IdMap(map(str, range(40))), train, validation)
    assert (len(ids), ids[0], plays.shape, factors.shape) == (40, "near 0", (40, 42), (40, 2))
    held = plays.toarray() > 0
    assert (held.sum(axis=1) == NEAREST).all()
    on_right = np.r_[np.ones(20, bool), np.zeros(20, bool), True, False]  # the directions that equal that of track 0
    assert all(not (row & ~on_right).any() for row in held[:20])
    assert not (held[20:] & on_right).any()
    np.testing.assert_allclose(np.linalg.norm(factors, axis=1), 1, rtol=1e-6)


def test_a_track_at_the_mean_stands_for_no_playlist() -> None:
    train = np.array([[1, 0], [-1, 0], [0, 0], [0, 2], [0, -2]], np.float32)
    ids, plays, _ = neighbour_playlists(IdMap("abcde"), train, np.zeros((0, 2), np.float32))
    assert list(ids) == ["near a", "near b", "near d", "near e"]
    assert plays.shape == (4, 5)


def test_of_many_tracks_some_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    train = rng.normal(size=(60, 3)).astype(np.float32)
    monkeypatch.setattr(module, "MAX_PLAYLISTS", 25)
    first = neighbour_playlists(IdMap(map(str, range(60))), train, train[:0])
    second = neighbour_playlists(IdMap(map(str, range(60))), train, train[:0])
    assert len(first[0]) == 25
    assert list(first[0]) == list(second[0])
