"""The plays of a step, compared with slices of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import random as random_plays

from unheard.training.rankers.sampling import plays_on, some_tracks


@pytest.mark.parametrize("n_tracks", [1, 7, 30, 200])
def test_plays_of_some_tracks_are_those_of_the_matrix(n_tracks: int) -> None:
    plays = random_plays(20, 100, density=0.1, format="csr", dtype=np.float32, random_state=0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        rows = plays[rng.integers(0, 20, 6)]
        tracks = some_tracks(rows, n_tracks, rng)
        assert (np.diff(tracks) > 0).all()
        assert 0 < len(tracks) <= max(n_tracks, 1)
        found = plays_on(torch.device("cpu"), rows, tracks).numpy()
        np.testing.assert_array_equal(found, rows[:, tracks].toarray() > 0)


def test_played_tracks_come_first_and_all_are_taken_if_they_fit() -> None:
    plays = random_plays(20, 100, density=0.02, format="csr", dtype=np.float32, random_state=0)
    own = np.unique(plays.indices)
    assert set(own) <= set(some_tracks(plays, 60, np.random.default_rng(0)))
    assert set(some_tracks(plays, 10, np.random.default_rng(0))) <= set(own)
    np.testing.assert_array_equal(some_tracks(plays, 100, np.random.default_rng(0)), np.arange(100))
