"""Vectors with the structure of factors: artists within genres, a decaying spectrum, lengths that vary, noise."""

from __future__ import annotations

import numpy as np

from unheard.arrays import Floats

PER_ARTIST = 8
PART = 65_536  # vectors that are made at once


def clustered(n: int, d: int, rng: np.random.Generator, *, genres: int = 20) -> Floats:
    """Return `n` vectors (n, d) of artists within genres, their lengths log-normal."""
    spectrum = (1 / np.sqrt(1 + np.arange(d))).astype(np.float32)

    def normal(rows: int) -> Floats:
        return rng.standard_normal((rows, d), dtype=np.float32)

    centres = normal(genres) * spectrum
    n_artists = max(1, n // PER_ARTIST)
    artists = centres[rng.integers(genres, size=n_artists)] + np.float32(0.7) * normal(n_artists) * spectrum
    found = np.empty((n, d), np.float32)
    for start in range(0, n, PART):
        part = found[start : start + PART]
        part[:] = artists[rng.integers(n_artists, size=len(part))] + np.float32(0.6) * normal(len(part)) * spectrum
        part += np.float32(0.05) * normal(len(part))
        lengths = np.exp(np.float32(0.5) * rng.standard_normal((len(part), 1), dtype=np.float32))
        part *= lengths / np.linalg.norm(part, axis=1, keepdims=True)
    return found


def playlists(tracks: Floats, m: int, rng: np.random.Generator) -> Floats:
    """Return queries (m, d), each near the mean of some neighbouring tracks."""
    centres = tracks[rng.integers(len(tracks), size=m)]
    found: Floats = np.stack([tracks[np.argsort(-(tracks @ one))[:30]].mean(axis=0) for one in centres])
    return found
