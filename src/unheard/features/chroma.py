"""Extract chroma and tonnetz: strength of the twelve pitch classes and of their harmony, independent of the tuning.

    numbers    of frames of 0.19 s, 93 ms apart
    0-11       mean of each pitch class, C to B
    12-23      standard deviation of each pitch class
    24-29      mean of the tonnetz: fifths, minor thirds and major thirds, as sine and cosine each
    30-35      standard deviation of the tonnetz

Chroma sums the power of a Fourier frame into pitch classes by Gaussian windows around them, wide octaves in the middle
of the keyboard counting most (D. Ellis, "Chroma Feature Analysis and Synthesis", 2007; librosa's `filters.chroma`), and
divides by the strongest class. The tonnetz maps chroma to Harte's six-dimensional space (C. Harte, M. Sandler, M.
Gasser, "Detecting Harmonic Change in Musical Audio", 2006). The filters are shifted by the tuning of the
track: the circular mean of the distances of spectral peaks from the nearest semitone, weighted by their magnitude.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.spectrograms.stft import power_spectra
from unheard.workspace import Settings

SETTINGS = Settings(n_fft=4096, hop_length=2048, patch_frames=64)
N_CLASSES = 12
A4_HZ = 440.0
CENTRE_OCTAVE, OCTAVE_WIDTH = 5.0, 2.0  # above 27.5 Hz
PEAK_RANGE_HZ = (100.0, 4_000.0)  # below, semitones are narrower than bins; above, there is little pitch
PEAK_SHARE = 0.01  # of a frame's strongest power, from which a peak counts
TUNING_STEPS = 100  # of a semitone; filters are cached for each of them
# Radius and angular step (in units of pi for each semitone) of the three circles of Harte's space.
CIRCLES = ((1.0, 7 / 6), (1.0, 3 / 2), (0.5, 2 / 3))


class Chroma:
    """Mean and deviation of chroma and tonnetz, (36,)."""

    kind, dim, version, sample_rate_hz = "chroma", 36, "1", SETTINGS.sample_rate

    def extract(self, samples: Floats) -> Floats:
        tuning = estimate_tuning(samples)
        classes = np.concatenate([chroma(power, tuning) for power in power_spectra([samples], SETTINGS)])
        harmony = tonnetz(classes)
        parts = [classes.mean(axis=0), classes.std(axis=0), harmony.mean(axis=0), harmony.std(axis=0)]
        return np.concatenate(parts).astype(np.float32)


def chroma(power: Floats, tuning: float) -> Doubles:
    """Return the strength of each pitch class, (frame, bin) power -> (frame, 12) in [0, 1]; zeros for silence.

    tuning  of the track relative to A = 440 Hz, in semitones
    """
    strength = power.astype(np.float64) @ chroma_filters(round(tuning * TUNING_STEPS)).T
    strongest = strength.max(axis=1, keepdims=True)
    shares: Doubles = np.divide(strength, strongest, out=np.zeros_like(strength), where=strongest > 0)
    return shares


def tonnetz(classes: Doubles) -> Doubles:
    """Return the tonal centroid of chroma, (frame, 12) -> (frame, 6)."""
    semitones = np.arange(N_CLASSES)
    rows = []
    for radius, step in CIRCLES:
        rows += [radius * np.sin(np.pi * step * semitones), radius * np.cos(np.pi * step * semitones)]
    total = np.abs(classes).sum(axis=1, keepdims=True)
    shares = np.divide(classes, total, out=np.zeros_like(classes), where=total > 0)
    centroids: Doubles = shares @ np.stack(rows).T
    return centroids


def estimate_tuning(samples: Floats) -> float:
    """Return the tuning of a track relative to A = 440 Hz, in semitones from -0.5 to 0.5."""
    total = sum((_deviations(power) for power in power_spectra([samples], SETTINGS)), start=0j)
    return float(np.angle(total) / (2 * np.pi)) if total else 0.0


@lru_cache(maxsize=8)
def chroma_filters(tuning_steps: int) -> Doubles:
    """Return the weight of each Fourier bin in each pitch class, (12, bin); the tuning is in 1/100 of a semitone."""
    a4_hz = A4_HZ * 2.0 ** (tuning_steps / TUNING_STEPS / N_CLASSES)
    frequencies_hz = np.arange(1, SETTINGS.n_fft) * SETTINGS.sample_rate / SETTINGS.n_fft
    semitones = N_CLASSES * np.log2(frequencies_hz / (a4_hz / 16))  # above A0
    semitones = np.concatenate([[semitones[0] - 1.5 * N_CLASSES], semitones])
    widths = np.concatenate([np.maximum(np.diff(semitones), 1.0), [1.0]])  # of a bin, at least a semitone
    distances = semitones - np.arange(N_CLASSES)[:, None]  # (class, bin)
    distances = np.remainder(distances + N_CLASSES / 2, N_CLASSES) - N_CLASSES / 2
    weights = np.exp(-0.5 * (2 * distances / widths) ** 2)
    weights /= np.linalg.norm(weights, axis=0)
    weights *= np.exp(-0.5 * ((semitones / N_CLASSES - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    from_c: Doubles = np.roll(weights, -3, axis=0)[:, : SETTINGS.n_fft // 2 + 1]
    return from_c


def _deviations(power: Floats) -> complex:
    """Return the sum over spectral peaks of a block (frame, bin) of magnitude times exp(2 pi i deviation)."""
    low, high = (round(hz * SETTINGS.n_fft / SETTINGS.sample_rate) for hz in PEAK_RANGE_HZ)
    log_power = np.log(np.maximum(power[:, low - 1 : high + 2], 1e-20)).astype(np.float64)
    left, middle, right = log_power[:, :-2], log_power[:, 1:-1], log_power[:, 2:]
    loud = power[:, low : high + 1] > PEAK_SHARE * np.maximum(power.max(axis=1, keepdims=True), 1e-10)
    frames, bins = np.nonzero((middle > left) & (middle >= right) & loud)
    a, b, c = left[frames, bins], middle[frames, bins], right[frames, bins]
    offsets = 0.5 * (a - c) / (a - 2 * b + c)  # of the parabola's top through three bins
    frequencies_hz = (low + bins + offsets) * SETTINGS.sample_rate / SETTINGS.n_fft
    phases = np.exp(2j * np.pi * N_CLASSES * np.log2(frequencies_hz / A4_HZ))
    return complex((np.exp(b / 2) * phases).sum())
