"""Compute one vector of statistics per track: timbre, its variation, loudness, onsets, modulation, tempo.

The vector is computed from mel decibels in one pass over blocks, so a track of hours needs little memory. `STATISTICS`
names the slices; the MFCC ones are the classic single-Gaussian timbre model (Mandel and Ellis 2005), the modulation
energies follow the fluctuation patterns of Pampalk (2006).

    block             numbers   of mel decibels (frame, mel) at 43 frames a second
    mel_mean          128       mean of each band
    mel_std           128       standard deviation of each band
    mfcc_mean          20       mean of MFCC 0-19
    mfcc_std           20       standard deviation of MFCC 0-19
    mfcc_delta_std     20       standard deviation of their first deltas
    mfcc_correlation  190       correlation of each pair of MFCC 0-19 (upper triangle, row by row)
    loudness            7       mean, standard deviation, 5th, 25th, 50th, 75th and 95th percentile of a frame's mean
    flux                3       onset strength: mean, standard deviation; onsets a second
    modulation         30       log10 energy of 6 band envelopes at 0.5-1, 1-2, 2-4, 4-8 and 8-16 Hz, band by band
    tempo              12       highest autocorrelation of onset strength in 12 ranges of tempo, 40 to 240 a minute
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.spectrograms.mfcc import dct_basis, deltas

N_MFCC = 20
N_ENVELOPES = 6
N_MELS = 128
PERCENTILES = (5, 25, 50, 75, 95)
MODULATION_EDGES_HZ = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
TEMPO_EDGES_BPM = np.geomspace(40.0, 240.0, 13)
SEGMENT_FRAMES = 512  # 11.9 s: long enough for two beats at 40 a minute many times over
FRAME_RATE_HZ = 22_050 / 512
FLOOR = 1e-6

_SIZES = {
    "mel_mean": N_MELS,
    "mel_std": N_MELS,
    "mfcc_mean": N_MFCC,
    "mfcc_std": N_MFCC,
    "mfcc_delta_std": N_MFCC,
    "mfcc_correlation": N_MFCC * (N_MFCC - 1) // 2,
    "loudness": 2 + len(PERCENTILES),
    "flux": 3,
    "modulation": N_ENVELOPES * (len(MODULATION_EDGES_HZ) - 1),
    "tempo": len(TEMPO_EDGES_BPM) - 1,
}
STATISTICS: dict[str, slice] = {
    name: slice(end - size, end) for (name, size), end in zip(_SIZES.items(), accumulate(_SIZES.values()), strict=True)
}
N_STATISTICS = sum(_SIZES.values())
# The four MFCC blocks are neighbours, so timbre alone is one slice.
MFCC_STATISTICS = slice(STATISTICS["mfcc_mean"].start, STATISTICS["mfcc_correlation"].stop)


def statistics(mel_db: Floats) -> Floats:
    """Return the vector of a track, (frame, 128) mel decibels at 43 frames a second -> (N_STATISTICS,) float32."""
    return statistics_of_blocks([mel_db])


def statistics_of_blocks(blocks: Iterable[Floats]) -> Floats:
    """Return the same from consecutive blocks of frames; at least one frame in all."""
    curves = _curves(blocks)
    parts = {
        "mel_mean": curves.mel_mean,
        "mel_std": curves.mel_std,
        **_mfcc_parts(curves.mfcc),
        "loudness": _loudness(curves.loudness),
        "flux": _flux(curves.onset),
        "modulation": _modulation(curves.envelopes),
        "tempo": _tempo(curves.onset),
    }
    vector = np.concatenate([parts[name] for name in STATISTICS])
    return vector.astype(np.float32)


@dataclass(frozen=True)
class _Curves:
    """Results of one pass over the frames: two mel vectors and a few numbers per frame."""

    mel_mean: Doubles  # (mel,)
    mel_std: Doubles  # (mel,)
    mfcc: Floats  # (frame, 20)
    envelopes: Floats  # (frame, 6), mean decibels of 6 groups of bands
    onset: Floats  # (frame,), mean rise of the bands since the previous frame
    loudness: Floats  # (frame,), mean of the bands


def _curves(blocks: Iterable[Floats]) -> _Curves:
    n, total, squares = 0, np.zeros(N_MELS), np.zeros(N_MELS)
    middle = np.zeros(N_MELS, np.float32)  # near the mean, so that sums of squares are exact enough
    sums, onsets = [], []
    previous: Floats | None = None
    for block in blocks:
        if not len(block):
            continue
        middle = middle if n else block.mean(axis=0)
        n += len(block)
        shifted = block - middle
        total += shifted.sum(axis=0)
        squares += np.einsum("fm,fm->m", shifted, shifted)
        sums.append(block @ weighted_sums())
        before = block[:1] if previous is None else previous
        rise = block - np.concatenate([before, block[:-1]])
        onsets.append(np.maximum(rise, 0.0, out=rise).mean(axis=1))
        previous = block[-1:]
    mean = total / n
    mfccs, envelopes, loudness = np.split(np.concatenate(sums), [N_MFCC, N_MFCC + N_ENVELOPES], axis=1)
    return _Curves(
        mel_mean=middle + mean,
        mel_std=np.sqrt(np.maximum(squares / n - mean**2, 0.0)),
        mfcc=mfccs,
        envelopes=envelopes,
        onset=np.concatenate(onsets),
        loudness=loudness[:, 0],
    )


@cache
def weighted_sums() -> Floats:
    """Return the weights (mel, 27) of everything linear in a frame: MFCC 0-19, means of 6 groups of bands, mean."""
    group = np.arange(N_MELS) * N_ENVELOPES // N_MELS  # (mel,)
    groups = (group[:, None] == np.arange(N_ENVELOPES)).astype(np.float32)
    means = np.hstack([groups / groups.sum(axis=0), np.full((N_MELS, 1), 1.0 / N_MELS)])
    return np.hstack([dct_basis(N_MELS, N_MFCC), means]).astype(np.float32)


def _mfcc_parts(coefficients: Floats) -> dict[str, Doubles]:
    mean, std = coefficients.mean(axis=0, dtype=np.float64), coefficients.std(axis=0, dtype=np.float64)
    scaled = (coefficients - mean) / np.maximum(std, FLOOR)  # (frame, 20)
    correlation = np.clip(scaled.T @ scaled / len(scaled), -1.0, 1.0)
    return {
        "mfcc_mean": mean,
        "mfcc_std": std,
        "mfcc_delta_std": deltas(coefficients).std(axis=0, dtype=np.float64),
        "mfcc_correlation": correlation[np.triu_indices(N_MFCC, k=1)],
    }


def _loudness(loudness: Floats) -> Doubles:
    return np.array([loudness.mean(), loudness.std(), *np.percentile(loudness, PERCENTILES)])


def _flux(onset: Floats) -> Doubles:
    inner = onset[1:-1]
    peaks = (inner > onset[:-2]) & (inner >= onset[2:]) & (inner > onset.mean() + onset.std())
    return np.array([onset.mean(), onset.std(), peaks.sum() / len(onset) * FRAME_RATE_HZ])


def _segments(curve: Floats) -> Iterator[Floats]:
    """Yield half-overlapping segments of (frame, k), centred, with a Hann window; short curves are padded."""
    window = np.hanning(SEGMENT_FRAMES).astype(np.float32)[:, None]
    centred = curve - curve.mean(axis=0)
    if len(centred) < SEGMENT_FRAMES:
        centred = np.pad(centred, ((0, SEGMENT_FRAMES - len(centred)), (0, 0)))
    for start in range(0, len(centred) - SEGMENT_FRAMES + 1, SEGMENT_FRAMES // 2):
        yield centred[start : start + SEGMENT_FRAMES] * window


def _mean_power(curve: Floats) -> Doubles:
    """Return Welch's power spectrum of curves, (frame, k) -> (bin, k)."""
    from scipy.fft import rfft

    n, total = 0, np.zeros((SEGMENT_FRAMES // 2 + 1, curve.shape[1]))
    for segment in _segments(curve):
        total += np.abs(rfft(segment, axis=0)) ** 2
        n += 1
    return total / n


def _modulation(envelopes: Floats) -> Doubles:
    power = _mean_power(envelopes)  # (bin, 6)
    frequency_hz = np.fft.rfftfreq(SEGMENT_FRAMES, 1 / FRAME_RATE_HZ)
    ranges = [
        power[(frequency_hz >= low) & (frequency_hz < high)].mean(axis=0) for low, high in pairwise(MODULATION_EDGES_HZ)
    ]
    return np.log10(np.stack(ranges, axis=1) + FLOOR).ravel()


def _tempo(onset: Floats) -> Doubles:
    power = _mean_power(onset[:, None])[:, 0]
    autocorrelation = np.fft.irfft(power)  # (lag,), circular; the window makes long lags negligible
    edges = np.rint(60.0 / TEMPO_EDGES_BPM * FRAME_RATE_HZ).astype(int)  # falling: fast tempi have short lags
    highest = [autocorrelation[short : long + 1].max() for long, short in pairwise(edges)]
    return np.array(highest) / max(float(autocorrelation[0]), FLOOR)
