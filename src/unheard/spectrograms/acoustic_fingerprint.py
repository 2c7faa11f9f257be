"""Compute the acoustic fingerprint of a recording: a sequence of signs that survives codecs, gain, noise and offsets.

The method follows Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (2002), on the mel spectrogram:

    E(t, b)  level of group b of 13 groups of mel bands in decibels, mean power over 0.37 s, every 93 ms
    D(t, b)  E(t, b) - E(t, b + 1) - (E(t - 4, b) - E(t - 4, b + 1)), the change of a difference of neighbours in 0.37 s
    bit      the sign of D(t, b); unknown where D is small, as in silence and in a steady tone

Levels more than 50 dB below the loudest part are raised to that floor, because they depend on the codec. The
fingerprint covers the 24 seconds in the middle of the audible part. Two fingerprints are compared at all offsets up to
12 seconds: the error is the share of different bits among those that both know. It is near 0.5 for other recordings.

Steady sounds have few known bits. Therefore the vector has the spectrum of the audible part too: the mean power of each
mel band in decibels below the loudest band.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats

N_BITS = 12  # of a frame: signs in the lower and known bits in the higher half of a 24-bit number
N_FRAMES = 256
N_MELS = 128
FINGERPRINT_DIM = N_FRAMES + N_MELS
HOP = 4  # mel frames of 23 ms
WINDOW = 4 * HOP
RANGE_DB = 50.0
MIN_CHANGE_DB = 1.0
MAX_OFFSET = N_FRAMES // 2
MASK = (1 << N_BITS) - 1


def fingerprint_of_blocks(blocks: Iterable[Floats]) -> Floats:
    """Return the fingerprint (384,) float32 of one track, from consecutive blocks (frame, 128) of decibels of power.

    The first 256 are frames, as whole numbers; the others are the spectrum. There is at least one frame in all.
    Short tracks fill the beginning; the remaining frames are 0, in which no bit is known.
    """
    groups: list[Floats] = []
    power = np.zeros(N_MELS)
    for block in blocks:
        groups.append(_groups(block))
        power += (10.0 ** (block.astype(np.float64) / 10.0)).sum(axis=0)
    spectrum = 10.0 * np.log10(np.maximum(power / max(power.max(), 1e-12), 10.0 ** (-RANGE_DB / 10.0)))
    return np.concatenate([_frames(np.concatenate(groups)), spectrum.astype(np.float32)])


def _frames(bands: Floats) -> Floats:
    """Return the frames of a fingerprint, (frame, 13) -> (256,)."""
    loudness = bands.max(axis=1)
    floor = float(np.percentile(loudness, 95)) - RANGE_DB
    audible = np.flatnonzero(loudness > floor)
    bands = bands[audible[0] : audible[-1] + 1] if len(audible) else bands
    n_wanted = (N_FRAMES - 1) * HOP + 2 * WINDOW
    start = max(0, (len(bands) - n_wanted) // 2)
    bands = bands[start : start + n_wanted]
    out = np.zeros(N_FRAMES, np.float32)
    if len(bands) < 2 * WINDOW:
        return out
    sums = np.vstack([np.zeros(N_BITS + 1), np.cumsum(10.0 ** (np.maximum(bands, floor) / 10.0), axis=0)])
    starts = np.arange(0, len(bands) - WINDOW + 1, HOP)
    # Differences of sums of very different sizes may be rounded to 0.
    power = np.maximum((sums[starts + WINDOW] - sums[starts]) / WINDOW, 10.0 ** (floor / 10.0))
    level = 10.0 * np.log10(power)  # (window, 13)
    between = level[:, :-1] - level[:, 1:]
    change = between[WINDOW // HOP :] - between[: -(WINDOW // HOP)]  # (t, 12)
    weights = 1 << np.arange(N_BITS)
    words = (change > 0) @ weights + ((np.abs(change) >= MIN_CHANGE_DB) @ weights << N_BITS)
    n = min(N_FRAMES, len(words))
    out[:n] = words[:n]
    return out


class BitError(NamedTuple):
    """The best offset of two fingerprints: `error`, the share of different bits, and the number of bits compared."""

    error: float
    n_bits: int


def compare(one: Floats, other: Floats) -> BitError:
    """Return the smallest error of two fingerprints, (384,) each, over all offsets; (1.0, 0) if no bit is known.

    An offset counts if at least half as many bits can be compared as at the offset with most of them.
    """
    a, b = words_of(one), words_of(other)
    padded = np.zeros(N_FRAMES + 2 * MAX_OFFSET, np.uint32)
    padded[MAX_OFFSET : MAX_OFFSET + N_FRAMES] = b
    shifted = np.lib.stride_tricks.sliding_window_view(padded, N_FRAMES)  # (offset, 256)
    known = (shifted & a[None, :]) >> N_BITS
    n_known = _count(known)  # (offset,)
    n_wrong = _count((shifted ^ a[None, :]) & known)
    if not n_known.max():
        return BitError(1.0, 0)
    counts = n_known * 2 >= n_known.max()
    error = np.where(counts, n_wrong / np.maximum(n_known, 1), 1.0)
    best = int(np.argmin(error))
    return BitError(float(error[best]), int(n_known[best]))


def words_of(fingerprint: Floats) -> NDArray[np.uint32]:
    """Return the frames, (..., 384) -> (..., 256)."""
    return fingerprint[..., :N_FRAMES].astype(np.uint32)


def spectrum_of(fingerprint: Floats) -> Floats:
    """Return the decibels of each mel band below the loudest one, (..., 384) -> (..., 128)."""
    return fingerprint[..., N_FRAMES:]


def signs(fingerprint: Floats) -> NDArray[np.uint32]:
    """Return the signs of each frame as the lower bits of a number, 0 where unknown, (..., 384) -> (..., 256)."""
    words = words_of(fingerprint)
    return (words & (words >> N_BITS) & MASK).astype(np.uint32)


def known_bits(fingerprint: Floats) -> NDArray[np.uint8]:
    """Return the number of known bits of each frame, (..., 384) -> (..., 256)."""
    counts: NDArray[np.uint8] = np.bitwise_count(words_of(fingerprint) >> N_BITS)
    return counts


def _count(words: NDArray[np.integer]) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return counts


def _groups(mel_db: Floats) -> Floats:
    """Return the level of each group of mel bands, (frame, mel) -> (frame, 13)."""
    starts = np.arange(N_BITS + 1) * mel_db.shape[1] // (N_BITS + 1)
    widths = np.diff(np.append(starts, mel_db.shape[1]))
    power = np.add.reduceat(10.0 ** (mel_db / 10.0), starts, axis=1) / widths
    return (10.0 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
