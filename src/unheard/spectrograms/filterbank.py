"""Compute the mel filterbank: triangles, equally spaced on the mel scale of Slaney's Auditory Toolbox (1998).

The scale is linear below 1 kHz (15 mel = 1,000 Hz) and logarithmic above (27 mel = a factor of 6.4). Every triangle has
an area of 1 over frequency in Hz ("Slaney normalisation"), so that white noise gives every band the same value.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats

LINEAR_HZ_PER_MEL = 200.0 / 3.0
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0


def hz_to_mel(hz: Doubles) -> Doubles:
    """Convert frequencies in Hz to Slaney mel, element by element."""
    above = BREAK_MEL + np.log(np.maximum(hz, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.where(hz < BREAK_HZ, hz / LINEAR_HZ_PER_MEL, above)


def mel_to_hz(mel: Doubles) -> Doubles:
    """Convert Slaney mel to Hz, the inverse of `hz_to_mel`."""
    above = BREAK_HZ * np.exp(LOG_STEP * (np.maximum(mel, BREAK_MEL) - BREAK_MEL))
    return np.where(mel < BREAK_MEL, mel * LINEAR_HZ_PER_MEL, above)


@lru_cache(maxsize=4)
def mel_filterbank(*, sample_rate: int, n_fft: int, n_mels: int) -> Floats:
    """Return the weights of triangles from 0 Hz to Nyquist, (mel, bin) float32 with n_fft // 2 + 1 bins, read-only."""
    nyquist_hz = sample_rate / 2
    ends = hz_to_mel(np.array([0.0, nyquist_hz]))
    corners_hz = mel_to_hz(np.linspace(ends[0], ends[1], n_mels + 2))  # (mel + 2,)
    bins_hz = np.linspace(0.0, nyquist_hz, n_fft // 2 + 1)
    low, centre, high = (corners_hz[i : i + n_mels, None] for i in range(3))  # (mel, 1) each
    rising = (bins_hz - low) / (centre - low)
    falling = (high - bins_hz) / (high - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    filterbank = weights.astype(np.float32)
    filterbank.setflags(write=False)
    return filterbank


@lru_cache(maxsize=4)
def sparse_filterbank(*, sample_rate: int, n_fft: int, n_mels: int) -> csr_matrix:
    """Return the same weights as a sparse matrix: 98 % are zero, so the product is faster than a dense one."""
    return csr_matrix(mel_filterbank(sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels))
