"""The validation figure equals a full sort of every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tests.training.rankers.toy import make_world
from unheard.ids import IdMap
from unheard.training.rankers.validation import K, ndcg, ndcg_of_scores, validation_playlists

N_PLAYLISTS, N_VAL = 60, 90


def by_full_sort(scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> float:
    """nDCG@20 from the definition; equal scores in one random order of the tracks."""
    order = np.random.default_rng(0).permutation(scores.shape[1])
    values = []
    for line, wanted in zip(scores, relevant, strict=True):
        ranked = sorted(order, key=lambda track: -line[track])[:K]
        gain = sum(1 / np.log2(place + 2) for place, track in enumerate(ranked) if wanted[track])
        values.append(gain / sum(1 / np.log2(place + 2) for place in range(min(K, int(wanted.sum())))))
    return float(np.mean(values))


@pytest.mark.parametrize("digits", [6, 1, 0])
@pytest.mark.parametrize("n_val", [N_VAL, K, 7])
def test_the_best_20_are_those_of_a_full_sort(digits: int, n_val: int) -> None:
    """With digits = 1 or 0 many scores are equal."""
    rng = np.random.default_rng(digits)
    relevant = rng.random((N_PLAYLISTS, n_val)) < 0.2
    relevant[:, 0] = True
    data = make_world().data
    plays = csr_matrix(relevant.astype(np.float32))
    data = replace(data, validation=replace(data.validation, plays=plays))
    playlists, tracks = rng.normal(size=(N_PLAYLISTS, 4)), rng.normal(size=(n_val, 4))
    scores = np.round(playlists @ tracks.T, digits).astype(np.float32)
    asked = np.flatnonzero(rng.random(N_PLAYLISTS) < 0.7)
    expected = by_full_sort(scores[asked], relevant[asked])
    assert ndcg_of_scores(scores[asked], data, asked) == pytest.approx(expected, rel=1e-12)
    assert ndcg(scores, np.eye(n_val, dtype=np.float32), data, asked) == pytest.approx(expected, rel=1e-12)
    assert ndcg(scores, np.eye(n_val, dtype=np.float32), data, asked[:0]) == 0


def test_fewer_playlists_are_asked_where_validation_tracks_are_many() -> None:
    data = make_world().data
    rng = np.random.default_rng(0)
    n_playlists = 6000
    train = csr_matrix(np.ones((n_playlists, len(data.train)), np.float32))

    def asked(n_val: int) -> int:
        plays = csr_matrix(
            (np.ones(n_playlists), (np.arange(n_playlists), rng.integers(0, n_val, n_playlists))), (n_playlists, n_val)
        )
        ids = IdMap(f"v{number:05}" for number in range(n_val))
        world = replace(
            data, train=replace(data.train, plays=train), validation=replace(data.validation, ids=ids, plays=plays)
        )
        return len(validation_playlists(world))

    assert [asked(n) for n in (100, 1000, 2000, 10_000)] == [4000, 2000, 1000, 500]
