"""Pictures of a track from its stored spectrogram: a record, a mel spectrogram, and the outline of its loudness.

A record is the mel spectrogram in polar coordinates: time runs once around it, clockwise from the top, and frequency
increases outwards, so that bass is at the label and hi-hats are at the rim. Warm tracks are amber, cold ones blue.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unheard.serve.pages.png import palette_png

Decibels = NDArray[np.float32]  # (frame, mel)

LEVELS = 32
LABEL_RADIUS = 0.2  # of the record's
QUIET_PERCENTILE, LOUD_PERCENTILE = 8, 99.5
BAND_EDGES = (0.25, 0.6)  # of the mel axis: where bass ends and treble begins
OUTLINE_RANGE_DB = 30.0

# From silence to loud: red, green, blue at equal steps, interpolated to LEVELS.
COLD_STOPS = ((8, 14, 34), (16, 42, 96), (28, 94, 170), (92, 170, 222), (226, 245, 255))
WARM_STOPS = ((28, 14, 10), (90, 32, 16), (176, 74, 20), (236, 152, 54), (255, 240, 204))


def palette(*, cold: bool) -> NDArray[np.uint8]:
    """Return the colours from silent to loud, (LEVELS, 3)."""
    stops = np.array(COLD_STOPS if cold else WARM_STOPS, np.float64)
    at = np.linspace(0, len(stops) - 1, LEVELS)
    colours = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(colours, axis=1)).astype(np.uint8)


def record(mel_db: Decibels, *, size: int, cold: bool) -> bytes:
    """Return a square PNG of a record, `size` pixels wide; outside the circle it has the colour of silence."""
    n_angles, n_radii = max(24, round(2.2 * size)), max(12, size // 2)
    grid = _levels(_averaged(mel_db, n_angles, n_radii)).astype(np.float64)  # (angle, radius)
    grid = np.concatenate([grid, grid[:1]])
    centre = (size - 1) / 2
    y, x = np.mgrid[0:size, 0:size] - centre
    radius = np.hypot(x, y) / (size / 2)
    turn = (np.arctan2(x, -y) / (2 * np.pi)) % 1
    outwards = (radius - LABEL_RADIUS) / (1 - LABEL_RADIUS) * (n_radii - 1)
    pixels = _bilinear(grid, turn * n_angles, np.clip(outwards, 0, n_radii - 1))
    pixels[(radius < LABEL_RADIUS) | (radius > 1)] = 0
    return palette_png(np.rint(pixels).astype(np.uint8), palette(cold=cold))


def mel_picture(mel_db: Decibels, *, width: int, height: int, cold: bool) -> bytes:
    """Return a PNG (height, width) of a whole track: time to the right, frequency upwards."""
    levels = _levels(_averaged(mel_db, width, height))
    return palette_png(np.ascontiguousarray(levels.T[::-1]), palette(cold=cold))


def outline(mel_db: Decibels, n_columns: int) -> NDArray[np.float32]:
    """Return the loudness of bass, middle and treble over a track, (column, 3), 0 to 1.

    A column has the loudness of its loudest frame, as in the outline of a waveform. 1 is the maximum over all bands, 0
    is OUTLINE_RANGE_DB below it.
    """
    power = 10 ** (mel_db.astype(np.float64) / 10)
    n_mels = mel_db.shape[1]
    edges = [0, *(round(edge * n_mels) for edge in BAND_EDGES), n_mels]
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    starts = (np.arange(n_columns) * len(mel_db)) // n_columns
    loudest = 10 * np.log10(np.maximum.reduceat(bands, np.minimum(starts, len(mel_db) - 1), axis=0) + 1e-12)
    shown: NDArray[np.float32] = np.clip(1 + (loudest - loudest.max()) / OUTLINE_RANGE_DB, 0, 1).astype(np.float32)
    return shown


def _averaged(mel_db: Decibels, n_frames: int, n_bands: int) -> Decibels:
    """Return means over blocks of frames and of bands, (n_frames, n_bands); short tracks repeat frames."""
    frames = (np.arange(n_frames) * len(mel_db)) // n_frames
    bands = (np.arange(n_bands) * mel_db.shape[1]) // n_bands
    by_frame = np.add.reduceat(mel_db, frames, axis=0) / _counts(frames, len(mel_db))[:, None]
    means: Decibels = np.add.reduceat(by_frame, bands, axis=1) / _counts(bands, mel_db.shape[1])
    return means.astype(np.float32)


def _counts(starts: NDArray[np.integer], end: int) -> NDArray[np.integer]:
    """Return how many rows `add.reduceat` sums for each start: at least the one at the start."""
    return np.maximum(1, np.diff(np.append(starts, end)))


def _levels(values: Decibels) -> NDArray[np.uint8]:
    """Convert decibels to palette indices; every track uses the whole palette."""
    low, high = np.percentile(values, (QUIET_PERCENTILE, LOUD_PERCENTILE))
    scaled = (values - low) / max(float(high - low), 1.0)
    levels: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    return levels


def _bilinear(
    grid: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate `grid` bilinearly."""
    r, c = np.minimum(rows.astype(int), grid.shape[0] - 2), np.minimum(columns.astype(int), grid.shape[1] - 2)
    dr, dc = rows - r, columns - c
    top = grid[r, c] * (1 - dc) + grid[r, c + 1] * dc
    bottom = grid[r + 1, c] * (1 - dc) + grid[r + 1, c + 1] * dc
    between: NDArray[np.float64] = top * (1 - dr) + bottom * dr
    return between
