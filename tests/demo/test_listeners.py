"""Tests of the simulated listeners: valid playlists that depend on audio, inaudible attributes and popularity."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from unheard.demo.listeners import GeneratedPlaylist, Taste, audible_attributes, draw_playlists, popularity
from unheard.demo.world import GeneratedTrack, draw_bands, draw_tracks


@pytest.fixture(scope="module")
def tracks() -> tuple[GeneratedTrack, ...]:
    rng = np.random.default_rng(0)
    return draw_tracks(draw_bands(60, rng), 240, seconds=20.0, seed=0, rng=rng)


@pytest.fixture(scope="module")
def playlists(tracks: tuple[GeneratedTrack, ...]) -> tuple[GeneratedPlaylist, ...]:
    return draw_playlists(tracks, 600, rng=np.random.default_rng(1))


def plays(playlists: tuple[GeneratedPlaylist, ...], n_tracks: int) -> np.ndarray:
    return np.bincount(np.concatenate([playlist.tracks for playlist in playlists]), minlength=n_tracks)


def test_bands_and_tracks_are_distinct(tracks: tuple[GeneratedTrack, ...]) -> None:
    assert len({track.track_id for track in tracks}) == len({track.path for track in tracks}) == 240
    assert len({track.band.band_id for track in tracks}) == 60
    assert all(0.75 * 20 <= track.seconds <= 1.2 * 20 for track in tracks)
    assert {track.format for track in tracks} == {"ogg", "mp3", "flac", "wav"}


def test_playlists_hold_8_to_40_distinct_tracks(playlists: tuple[GeneratedPlaylist, ...]) -> None:
    assert len({playlist.playlist_id for playlist in playlists}) == 600
    for playlist in playlists:
        assert 8 <= len(playlist.tracks) <= 40
        assert len(set(playlist.tracks)) == len(playlist.tracks)


def test_a_small_world_gets_shorter_playlists(tracks: tuple[GeneratedTrack, ...]) -> None:
    for playlist in draw_playlists(tracks[:6], 20, rng=np.random.default_rng(0)):
        assert 1 <= len(set(playlist.tracks)) == len(playlist.tracks) <= 4


def test_same_generator_same_playlists(tracks: tuple[GeneratedTrack, ...]) -> None:
    first, second = (draw_playlists(tracks, 30, rng=np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_playlists_hold_more_of_their_style_than_chance(
    tracks: tuple[GeneratedTrack, ...], playlists: tuple[GeneratedPlaylist, ...]
) -> None:
    style = [track.band.style.name for track in tracks]
    share = Counter(style)
    own = np.mean([np.mean([style[row] == style[p.seed_track] for row in p.tracks]) for p in playlists])
    chance = np.mean([share[style[p.seed_track]] / len(tracks) for p in playlists])
    assert own > 2.5 * chance
    assert own < 0.8  # and are not of one style only


def test_popularity_has_a_long_tail(
    tracks: tuple[GeneratedTrack, ...], playlists: tuple[GeneratedPlaylist, ...]
) -> None:
    fame = np.sort(popularity(tracks))[::-1]
    assert fame.sum() == pytest.approx(1.0)
    assert fame[: len(fame) // 10].sum() > 0.4
    counts = plays(playlists, len(tracks))
    assert np.sort(counts)[::-1][: len(counts) // 10].sum() > 0.2 * counts.sum()
    assert np.corrcoef(np.log(counts + 1.0), np.log(popularity(tracks)))[0, 1] > 0.6


def together(tracks: tuple[GeneratedTrack, ...], taste: Taste) -> np.ndarray:
    """How much more often than by their counts two tracks share a playlist, (n, n)."""
    member = np.zeros((1_500, len(tracks)))
    for row, playlist in enumerate(draw_playlists(tracks, 1_500, rng=np.random.default_rng(2), taste=taste)):
        member[row, list(playlist.tracks)] = 1.0
    return np.asarray(np.corrcoef(member.T))


def test_audible_and_inaudible_attributes_both_count(tracks: tuple[GeneratedTrack, ...]) -> None:
    pair = np.triu_indices(len(tracks), 1)
    sound = audible_attributes(tracks, style_weight=1.0)
    near = -((sound[:, None] - sound[None]) ** 2).sum(axis=-1)[pair]
    scene = np.array([track.band.hidden for track in tracks])
    alike = (scene @ scene.T)[pair]
    shared = together(tracks, Taste())[pair]
    assert np.corrcoef(near, shared)[0, 1] > 0.4
    assert np.corrcoef(alike, shared)[0, 1] > 0.05
    without_audio = together(tracks, Taste(audible=0.0, hit_share=0.0))[pair]
    assert abs(np.corrcoef(near, without_audio)[0, 1]) < np.corrcoef(near, shared)[0, 1] / 3
    assert np.corrcoef(alike, without_audio)[0, 1] > 0.15
