"""The combiner is used where it ranks tracks better that it was not fitted to, and there only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from unheard.ids import IdMap
from unheard.models.combiner import PairInputs
from unheard.training.dataset import TrackArrays, TrainingData
from unheard.training.rankers.combine import Combined, MemberEmbeddings, fit_combiner
from unheard.training.rankers.validation import ndcg_per_query

N_TRAIN, N_NEW, N_PLAYLISTS, N_ARTISTS, K = 150, 100, 240, 50, 6


def world(*, seed: int = 0, by_artist: float = 3.0, by_taste: float = 1.0) -> tuple[TrainingData, MemberEmbeddings]:
    """Playlists like one direction and the artists that they know; members know the direction, and noise.

    No weighted sum of members can know the artists on a playlist; the combiner can.
    """
    rng = np.random.default_rng(seed)
    n = N_TRAIN + N_NEW
    artists = np.concatenate([rng.integers(0, N_ARTISTS, N_TRAIN), rng.integers(0, N_ARTISTS, N_NEW)]).astype(np.int32)
    tracks, tastes = rng.normal(size=(n, K)), rng.normal(size=(N_PLAYLISTS, K))
    fond = rng.random((N_PLAYLISTS, N_ARTISTS)) < 0.1
    liking = (
        by_taste * tastes @ tracks.T / np.sqrt(K) + by_artist * fond[:, artists] + rng.gumbel(size=(N_PLAYLISTS, n))
    )
    held = np.zeros(liking.shape, np.float32)
    np.put_along_axis(held, np.argsort(-liking, axis=1)[:, :25], 1.0, axis=1)
    names = [f"artist {number}" for number in artists]

    def part(rows: slice) -> TrackArrays:
        ids = IdMap(f"{number:04}" for number in range(n)[rows])
        zero = np.zeros((len(ids), 2), np.float32)
        return TrackArrays(ids, zero, csr_matrix(held[:, rows]), zero, names[rows], artists[rows])

    data = TrainingData(
        part(slice(0, N_TRAIN)),
        part(slice(N_TRAIN, n)),
        IdMap(f"playlist {row:03}" for row in range(N_PLAYLISTS)),
        np.zeros((N_PLAYLISTS, 2), np.float32),
    )
    noise = rng.normal(size=(n, 2))
    embedded = np.concatenate([tracks, noise], axis=1).astype(np.float32)
    playlists = np.concatenate([tastes, rng.normal(size=(N_PLAYLISTS, 2))], axis=1).astype(np.float32)
    return data, MemberEmbeddings(
        np.array([0, K, K + 2]), playlists, embedded[:N_TRAIN].mean(axis=0), embedded[N_TRAIN:], (1, 1)
    )


def fitted(data: TrainingData, embedded: MemberEmbeddings) -> Combined:
    return fit_combiner(embedded, data, np.arange(len(data.playlist_ids)))


def test_it_learns_what_no_weights_can_and_ranks_new_playlists_by_it() -> None:
    data, embedded = world()
    found = fitted(data, embedded)
    assert found.combiner is not None
    assert found.ndcg is not None
    assert found.ndcg_of_weights is not None
    assert found.ndcg > 1.1 * found.ndcg_of_weights
    # By a slower way: pairs that the artist joins score higher than the same pairs without that.
    tracks, playlists = embedded.validation[:20], embedded.playlists[:30]
    pairs = PairInputs(playlists, tracks, np.zeros((30, 20), np.int64), np.full(20, 3), np.full(30, 15))
    joined = replace(pairs, artist_on=np.ones((30, 20), np.int64))
    assert (found.combiner.scores(joined) > found.combiner.scores(pairs)).mean() > 0.9


def test_plays_that_nothing_explains_give_chance_and_no_combiner_gains() -> None:
    """Validation tracks' plays are shuffled among the tracks: a leak through the combiner would rank them better."""
    data, embedded = world()
    rng = np.random.default_rng(1)
    shuffled = np.stack([rng.permutation(row) for row in data.validation.plays.toarray()])
    quarters = [shuffled[:, rng.permutation(N_NEW)[: N_NEW // 4]] > 0 for _ in range(40)]  # a fold ranks a quarter
    listed = [part[part.any(axis=1)] for part in quarters]
    chance = np.mean([ndcg_per_query(rng.random(part.shape).astype(np.float32), part).mean() for part in listed])
    found = fitted(replace(data, validation=replace(data.validation, plays=csr_matrix(shuffled))), embedded)
    assert found.ndcg == pytest.approx(chance, abs=0.05)
    assert found.ndcg_of_weights == pytest.approx(chance, abs=0.05)


def test_with_few_playlists_the_weights_stay() -> None:
    data, embedded = world()
    assert fit_combiner(embedded, data, np.arange(99)) == Combined(None)


def test_with_few_artists_the_weights_stay() -> None:
    data, embedded = world()
    few = replace(data, validation=replace(data.validation, artists=data.validation.artists % 20))
    assert fitted(few, embedded) == Combined(None)


def test_one_member_needs_no_combiner() -> None:
    data, embedded = world()
    alone = MemberEmbeddings(
        np.array([0, K]), embedded.playlists[:, :K], embedded.centre[:K], embedded.validation[:, :K], (1,)
    )
    assert fitted(data, alone) == Combined(None)


def test_the_same_data_gives_the_same_bytes() -> None:
    data, embedded = world()
    one, other = fitted(data, embedded).combiner, fitted(data, embedded).combiner
    assert one is not None
    assert other is not None
    assert all(array.tobytes() == other.arrays[name].tobytes() for name, array in one.arrays.items())
