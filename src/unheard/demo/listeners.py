"""Draw the playlists of SIMULATED listeners from a model of taste. No person made them.

A playlist has one or two focuses. A focus is a point in the space of audible attributes (style, tempo, brightness,
mode, drums, ...), near a random track, and a point in two spaces of inaudible attributes: one of bands (scene, lyrics,
looks) and one of tracks. A track is drawn with probability proportional to exp(affinity); a part of the draws depends
on popularity only. So the audio predicts taste in part, and no model of the audio can predict it completely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unheard.arrays import Doubles, Indices
from unheard.demo.styles import STYLES
from unheard.demo.world import GeneratedTrack


@dataclass(frozen=True)
class Taste:
    """Weights of the simulation.

    `audible` (audible attributes), `band` and `track` (inaudible attributes) and `popularity` scale the parts of the
    affinity, `style` scales the distance between styles; a share `hit_share` of the draws depends on popularity only.
    With these values a ridge regression on mel and MFCC statistics closes about half of the gap between chance and the
    true factors on bands without train tracks.
    """

    audible: float = 0.72
    band: float = 0.25
    track: float = 0.2
    popularity: float = 0.25
    hit_share: float = 0.18
    style: float = 1.55
    shortest: int = 8
    longest: int = 40


@dataclass(frozen=True)
class GeneratedPlaylist:
    """One simulated playlist."""

    playlist_id: str
    tracks: tuple[int, ...]  # rows of the world's tracks, in order, each at most once
    seed_track: int


def audible_attributes(tracks: Sequence[GeneratedTrack], *, style_weight: float) -> Doubles:
    """Return the audible attributes of each track, (n, attribute): standardised sound, mode, metre and style shares."""
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


def popularity(tracks: Sequence[GeneratedTrack]) -> Doubles:
    """Return the probability of each track in draws by popularity only: a long tail, (n,), sums to 1."""
    weight = np.exp(1.4 * np.array([track.popularity for track in tracks]))
    return np.asarray(weight / weight.sum())


def draw_playlists(
    tracks: Sequence[GeneratedTrack], n_playlists: int, *, rng: np.random.Generator, taste: Taste | None = None
) -> tuple[GeneratedPlaylist, ...]:
    """Return playlists of 8 to 40 distinct tracks (fewer in a small world)."""
    taste = taste or Taste()
    attributes = audible_attributes(tracks, style_weight=taste.style)
    band_hidden = np.array([track.band.hidden for track in tracks])
    track_hidden = np.array([track.hidden for track in tracks])
    log_popularity = np.log(popularity(tracks))
    width = len(str(n_playlists))
    playlists = []
    for index in range(n_playlists):
        focuses = rng.integers(len(tracks), size=1 if rng.random() < 0.7 else 2)
        affinity = np.full(len(tracks), -np.inf)
        for focus in focuses:
            centre = attributes[focus] + 0.15 * rng.standard_normal(attributes.shape[1])
            distance = ((attributes - centre) ** 2).sum(axis=1)
            inaudible = taste.band * band_hidden @ rng.standard_normal(band_hidden.shape[1])
            inaudible += taste.track * track_hidden @ rng.standard_normal(track_hidden.shape[1])
            affinity = np.logaddexp(affinity, -taste.audible * distance + inaudible)
        affinity += taste.popularity * log_popularity
        longest = len(tracks) * 2 // 3
        length = min(int(rng.integers(taste.shortest, taste.longest + 1)), max(longest, 1))
        hits = int(rng.binomial(length, taste.hit_share))
        chosen = _draw(affinity, length - hits, rng)
        rest = log_popularity.copy()
        rest[chosen] = -np.inf
        chosen = np.concatenate([chosen, _draw(rest, hits, rng)])
        order = rng.permutation(chosen)
        playlists.append(
            GeneratedPlaylist(f"p{index + 1:0{width}d}", tuple(int(row) for row in order), seed_track=int(focuses[0]))
        )
    return tuple(playlists)


def _draw(log_weight: Doubles, n: int, rng: np.random.Generator) -> Indices:
    """Draw `n` distinct rows one after another, with probability proportional to weight (Gumbel top-k)."""
    keys = log_weight + rng.gumbel(size=len(log_weight))
    return np.argsort(-keys)[:n]
