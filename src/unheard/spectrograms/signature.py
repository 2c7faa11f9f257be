"""Compute the signature of a recording: a fingerprint that hardly changes with bitrate, gain or offset.

A track without the silence at both ends is divided into 32 equal segments of time x 8 groups of mel bands. The
signature is the mean power of the strongest band of each group, in decibels, because codecs preserve strong components.
The level and the fall towards high frequencies, which all tracks share, are subtracted. The method follows Haitsma and
Kalker (2002), for whole tracks instead of excerpts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats

N_SEGMENTS = 32
N_BANDS = 8
SIGNATURE_DIM = N_SEGMENTS * N_BANDS + 1  # the last element is the duration in seconds
RANGE_DB = 40.0  # below the loudest part; quieter components depend on the codec
SPECTRAL_SHARE = 0.3  # weight of the mean spectrum relative to the course in time
TILT_DB_PER_BAND = -5.0  # slope of the mean spectrum of music from one group of bands to the next
FRAMES_PER_S = 22_050 / 512


def signature_of_blocks(blocks: Iterable[Floats]) -> Floats:
    """Return the signature of one track from blocks of its frames, in their order -> (257,) float32.

    blocks  (frame, mel) decibels of power each; at least one frame in all

    Elements 0-255 have unit norm: compare two of them by their dot product. The last is the duration in seconds
    between the silences at both ends.
    """
    bands = np.concatenate([_strongest(block) for block in blocks])  # (frame, 8)
    loudness = bands.max(axis=1)
    floor = float(np.percentile(loudness, 95)) - RANGE_DB
    audible = np.flatnonzero(loudness > floor)
    bands = np.maximum(bands[audible[0] : audible[-1] + 1], floor) if len(audible) else bands
    power = 10.0 ** ((bands - floor) / 10.0)
    course = 10.0 * np.log10(_segment_means(power))  # (32, 8)
    spectrum = course.mean(axis=0)
    in_time = course - spectrum
    colour = spectrum - TILT_DB_PER_BAND * np.arange(N_BANDS)
    vector = (in_time + SPECTRAL_SHARE * (colour - colour.mean())).ravel()
    norm = max(float(np.linalg.norm(vector)), 1e-6)
    return np.append(vector / norm, len(bands) / FRAMES_PER_S).astype(np.float32)


def _strongest(mel_db: Floats) -> Floats:
    """Return the strongest band of each group, (frame, mel) -> (frame, 8)."""
    starts = np.arange(N_BANDS) * mel_db.shape[1] // N_BANDS
    strongest: Floats = np.maximum.reduceat(mel_db, starts, axis=1)
    return strongest


def _segment_means(bands: NDArray[np.floating]) -> Doubles:
    """Return means of `N_SEGMENTS` equal segments, whose ends may be inside a frame, (frame, 8) -> (32, 8)."""
    sums = np.vstack([np.zeros(N_BANDS), np.cumsum(bands, axis=0, dtype=np.float64)])  # (frame + 1, 8)
    ends = np.linspace(0.0, len(bands), N_SEGMENTS + 1)
    at_ends = np.stack([np.interp(ends, np.arange(len(sums)), sums[:, band]) for band in range(N_BANDS)], axis=1)
    return np.diff(at_ends, axis=0) * (N_SEGMENTS / len(bands))
