"""A fingerprint that survives re-encoding: the same recording at another bitrate, gain or offset stays the same.

The course of a track (after cutting silence off both ends) is seen as 32 equal stretches of time x 8 groups of mel
bands: the mean power of each group's strongest band, in decibels - codecs leave alone what is strong. What any track
has, its level and the fall towards high frequencies, is taken out, so that the rest tells recordings apart. In the
spirit of Haitsma and Kalker (2002), for whole tracks instead of excerpts.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

N_STRETCHES = 32
N_BANDS = 8
SIGNATURE_DIM = N_STRETCHES * N_BANDS + 1  # the last element is the duration in seconds
RANGE_DB = 40.0  # how far below the loudest part differences still count; below, codecs do as they like
SPECTRAL_SHARE = 0.3  # weight of the mean spectrum beside the course in time
TILT_DB_PER_BAND = -5.0  # what the mean spectrum of music falls by from one group of bands to the next
FRAMES_PER_S = 22_050 / 512


def signature(mel_db: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fingerprint of one track, (frame, mel) decibels of power -> (257,) float32.

    Elements 0-255 have unit norm: compare two of them by their dot product. The last is the duration in seconds
    between the silences at both ends.
    """
    return signature_of_blocks([mel_db])


def signature_of_blocks(blocks: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The same from consecutive blocks of a track's frames; at least one frame in all."""
    bands = np.concatenate([_strongest(block) for block in blocks])  # (frame, 8)
    loudness = bands.max(axis=1)
    floor = float(np.percentile(loudness, 95)) - RANGE_DB
    heard = np.flatnonzero(loudness > floor)
    bands = np.maximum(bands[heard[0] : heard[-1] + 1], floor) if len(heard) else bands
    power = 10.0 ** ((bands - floor) / 10.0)
    course = 10.0 * np.log10(_stretches(power))  # (32, 8)
    spectrum = course.mean(axis=0)
    in_time = course - spectrum
    colour = spectrum - TILT_DB_PER_BAND * np.arange(N_BANDS)
    described = (in_time + SPECTRAL_SHARE * (colour - colour.mean())).ravel()
    norm = max(float(np.linalg.norm(described)), 1e-6)
    return np.append(described / norm, len(bands) / FRAMES_PER_S).astype(np.float32)


def _strongest(mel_db: NDArray[np.float32]) -> NDArray[np.float32]:
    """The strongest band of each group, (frame, mel) -> (frame, 8)."""
    starts = np.arange(N_BANDS) * mel_db.shape[1] // N_BANDS
    strongest: NDArray[np.float32] = np.maximum.reduceat(mel_db, starts, axis=1)
    return strongest


def _stretches(bands: NDArray[np.floating]) -> NDArray[np.float64]:
    """Means of `N_STRETCHES` equal stretches, whose ends may fall inside a frame, (frame, 8) -> (32, 8)."""
    sums = np.vstack([np.zeros(N_BANDS), np.cumsum(bands, axis=0, dtype=np.float64)])  # (frame + 1, 8)
    ends = np.linspace(0.0, len(bands), N_STRETCHES + 1)
    at_ends = np.stack([np.interp(ends, np.arange(len(sums)), sums[:, band]) for band in range(N_BANDS)], axis=1)
    return np.diff(at_ends, axis=0) * (N_STRETCHES / len(bands))
