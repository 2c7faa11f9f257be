"""SIMULATED listeners: playlists drawn from a model of taste. Nobody has ever made them.

A playlist has one or two focuses. A focus is a point in the space of what is heard (style, tempo, brightness, mode,
drums, ...), taken near a track, and a point in two spaces that nobody hears: one of bands (scene, words, looks) and one
of tracks. A track is picked with probability proportional to exp(affinity); a part of the picks follows popularity
alone. So sound predicts taste, and no model of sound can predict it whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.demo.styles import STYLES
from unheard.demo.world import Track

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Taste:
    """Weights of the simulation.

    `heard`, `band`, `track` and `popularity` scale the parts of the affinity, `style` the distance between styles;
    `hit_share` of the picks follow popularity alone. Set so that a ridge on mel and MFCC statistics closes about half
    of the gap between chance and the true factors on bands it has never met.
    """

    heard: float = 0.72
    band: float = 0.25
    track: float = 0.2
    popularity: float = 0.25
    hit_share: float = 0.18
    style: float = 1.55
    shortest: int = 8
    longest: int = 40


@dataclass(frozen=True)
class Playlist:
    playlist_id: str
    tracks: tuple[int, ...]  # rows of the world's tracks, in order, each at most once
    seed_track: int


def heard(tracks: Sequence[Track], *, style_weight: float) -> Array:
    """What can be heard of each track, (n, features): standardised sound, mode, metre and the shares of the styles."""
    rows = []
    for track in tracks:
        sound, band = track.sound, track.band
        drums = sound.drums if band.groove.lines else 0.0
        rows.append(
            [np.log(sound.tempo_bpm), sound.brightness, sound.energy, drums, sound.swing, sound.room, sound.drive,
             sound.density, sound.register / 12.0, track.scale.light, float(band.groove.beats)]
        )  # fmt: skip
    numbers = np.array(rows)
    numbers = (numbers - numbers.mean(axis=0)) / np.maximum(numbers.std(axis=0), 1e-9)
    shares = np.zeros((len(tracks), len(STYLES)))
    names = [style.name for style in STYLES]
    for row, track in enumerate(tracks):
        shares[row, names.index(track.band.style.name)] += 1.0 - track.band.blend
        shares[row, names.index(track.band.other.name)] += track.band.blend
    return np.hstack([numbers / np.sqrt(numbers.shape[1]), style_weight * shares])


def popularity(tracks: Sequence[Track]) -> Array:
    """How often listeners without taste pick each track: a long tail, (n,), sums to 1."""
    weight = np.exp(1.4 * np.array([track.popularity for track in tracks]))
    return np.asarray(weight / weight.sum())


def draw_playlists(
    tracks: Sequence[Track], n_playlists: int, *, rng: np.random.Generator, taste: Taste | None = None
) -> tuple[Playlist, ...]:
    """Playlists of 8 to 40 distinct tracks (fewer in a small world)."""
    taste = taste or Taste()
    sound = heard(tracks, style_weight=taste.style)
    band_hidden = np.array([track.band.hidden for track in tracks])
    track_hidden = np.array([track.hidden for track in tracks])
    fame = popularity(tracks)
    width = len(str(n_playlists))
    playlists = []
    for index in range(n_playlists):
        focuses = rng.integers(len(tracks), size=1 if rng.random() < 0.7 else 2)
        affinity = np.full(len(tracks), -np.inf)
        for focus in focuses:
            centre = sound[focus] + 0.15 * rng.standard_normal(sound.shape[1])
            far = ((sound - centre) ** 2).sum(axis=1)
            unheard = taste.band * band_hidden @ rng.standard_normal(band_hidden.shape[1])
            unheard += taste.track * track_hidden @ rng.standard_normal(track_hidden.shape[1])
            affinity = np.logaddexp(affinity, -taste.heard * far + unheard)
        affinity += taste.popularity * np.log(fame)
        room = len(tracks) * 2 // 3
        length = min(int(rng.integers(taste.shortest, taste.longest + 1)), max(room, 1))
        hits = int(rng.binomial(length, taste.hit_share))
        chosen = _draw(affinity, length - hits, rng)
        rest = np.log(fame)
        rest[chosen] = -np.inf
        chosen = np.concatenate([chosen, _draw(rest, hits, rng)])
        order = rng.permutation(chosen)
        playlists.append(
            Playlist(f"p{index + 1:0{width}d}", tuple(int(row) for row in order), seed_track=int(focuses[0]))
        )
    return tuple(playlists)


def _draw(log_weight: Array, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`n` distinct rows, each next one with probability proportional to its weight (Gumbel top-k)."""
    keys = log_weight + rng.gumbel(size=len(log_weight))
    return np.argsort(-keys)[:n]
