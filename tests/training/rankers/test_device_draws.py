"""Drawing on the device, here on the CPU: against the matrix of plays, and as laws of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from unheard.models.rankers.two_tower import TwoTower
from unheard.training.rankers.device_draws import DeviceDraws
from unheard.training.rankers.two_tower import Task, contrastive_loss, draw_on_device

CPU = torch.device("cpu")
ARTISTS = np.array([7, 7, 3, 3, 3, 900, 11, 12, 13, 14])


def drawn_plays(seed: int) -> csr_matrix:
    rng = np.random.default_rng(seed)
    dense = rng.random((40, len(ARTISTS))) < 0.3
    dense[5] = False  # a playlist without plays
    dense[6] = True  # the longest
    return csr_matrix(dense.astype(np.float32))


@pytest.mark.parametrize("n_tracks", [4, 10, 50])
def test_listed_are_the_plays_of_the_matrix(n_tracks: int) -> None:
    torch.manual_seed(1)
    plays = drawn_plays(0)
    draws = DeviceDraws(plays, ARTISTS, CPU)
    tracks, playlists = draws.tracks(n_tracks), torch.arange(40)
    assert len(tracks) == min(n_tracks, len(ARTISTS))
    assert tracks.unique().tolist() == tracks.tolist()
    wanted = plays.toarray()[:, tracks.numpy()] > 0
    np.testing.assert_array_equal(draws.listed(playlists, tracks).numpy(), wanted)


def test_every_track_and_playlist_is_drawn_equally_often() -> None:
    torch.manual_seed(2)
    draws = DeviceDraws(drawn_plays(0), ARTISTS, CPU)
    tracks = torch.stack([draws.tracks(4) for _ in range(2000)]).flatten().bincount(minlength=10) / 2000
    torch.testing.assert_close(tracks, torch.full((10,), 0.4), atol=0.05, rtol=0.0)
    playlists = draws.playlists(40_000).bincount(minlength=40) / 1000
    torch.testing.assert_close(playlists, torch.ones(40), atol=0.2, rtol=0.0)


def test_tracks_of_playlists_come_first() -> None:
    torch.manual_seed(5)
    plays = drawn_plays(0)
    draws = DeviceDraws(plays, ARTISTS, CPU)
    own = np.unique(plays[[1, 2]].indices)
    assert 3 < len(own) < 9
    few = torch.stack([draws.tracks_of(torch.tensor([1, 2]), 3) for _ in range(500)])
    assert np.array_equal(np.unique(few.numpy()), own)
    share = few.flatten().bincount(minlength=10)[torch.from_numpy(own.astype(np.int64))] / 500
    torch.testing.assert_close(share, torch.full((len(own),), 3 / len(own)), atol=0.1, rtol=0.0)
    more = draws.tracks_of(torch.tensor([1, 2]), 9)
    assert set(own.tolist()) < set(more.tolist())
    assert len(set(more.tolist())) == 9


def test_all_tracks_of_an_artist_are_hidden_together() -> None:
    torch.manual_seed(3)
    draws = DeviceDraws(drawn_plays(0), ARTISTS, CPU)
    hidden = draws.hidden(3000, torch.arange(10), 0.25, across_artists=True)
    assert (hidden[:, 0] == hidden[:, 1]).all()
    assert (hidden[:, 2:5] == hidden[:, 2:3]).all()
    assert not (hidden[:, 0] == hidden[:, 5]).all()
    torch.testing.assert_close(hidden.float().mean(0), torch.full((10,), 0.25), atol=0.04, rtol=0.0)
    apart = draws.hidden(3000, torch.arange(10), 0.25, across_artists=False)
    assert not (apart[:, 0] == apart[:, 1]).all()


def test_a_playlist_that_cannot_be_used_counts_as_if_it_were_not_there() -> None:
    torch.manual_seed(4)
    draws = DeviceDraws(drawn_plays(0), ARTISTS, CPU)
    chosen, task = draw_on_device(draws, TwoTower(tracks=8, playlists=60, held_out=0.5), of_all=True)
    assert task.usable is not None
    rows = task.usable > 0
    assert 0 < rows.sum() < 60
    embeddings = torch.nn.functional.normalize(torch.randn(len(chosen), 5))
    prior = torch.rand(len(chosen))
    kept = Task(task.context[rows], task.hidden[rows], task.candidate[rows])
    torch.testing.assert_close(
        contrastive_loss(embeddings, task, prior, temperature=0.1),
        contrastive_loss(embeddings, kept, prior, temperature=0.1),
    )


def test_one_endless_playlist_is_too_much_for_the_device() -> None:
    plays = csr_matrix(np.ones((2, 10), np.float32))
    assert DeviceDraws(plays, ARTISTS, CPU).fits(512)
    assert not DeviceDraws(plays, ARTISTS, CPU).fits(2**25)
