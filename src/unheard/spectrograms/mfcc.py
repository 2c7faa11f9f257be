"""Mel-frequency cepstral coefficients and their deltas (Davis and Mermelstein 1980; Savitzky and Golay 1964)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

DELTA_WIDTH_FRAMES = 9


@lru_cache(maxsize=8)
def dct_basis(n_mels: int, n_mfcc: int) -> NDArray[np.float32]:
    """The first `n_mfcc` rows of the orthonormal DCT-II, transposed: (mel, n_mfcc)."""
    mel, k = np.arange(n_mels)[:, None], np.arange(n_mfcc)[None, :]
    basis = np.sqrt(2.0 / n_mels) * np.cos(np.pi * (mel + 0.5) * k / n_mels)
    basis[:, 0] /= np.sqrt(2.0)
    rounded: NDArray[np.float32] = basis.astype(np.float32)
    return rounded


def mfcc(mel_db: NDArray[np.float32], *, n_mfcc: int = 13) -> NDArray[np.float32]:
    """Orthonormal DCT-II over the mel bands: (frame, mel) decibels -> (frame, n_mfcc) float32."""
    return mel_db @ dct_basis(mel_db.shape[1], n_mfcc)


def deltas(x: NDArray[np.float32], *, order: int = 1) -> NDArray[np.float32]:
    """Derivative of `order` over time: a polynomial of that degree fitted to 9 frames around each, (frame, k) -> same.

    The ends are read off the polynomial of the outermost 9 frames; of fewer than 9 frames the outermost is repeated.
    """
    mode = "interp" if len(x) >= DELTA_WIDTH_FRAMES else "nearest"
    slopes: NDArray[np.float32] = savgol_filter(
        x, DELTA_WIDTH_FRAMES, polyorder=order, deriv=order, axis=0, mode=mode
    ).astype(np.float32)
    return slopes


def bag_frames(mel_db: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a bag of tones is made of: 13 MFCCs, their first and second deltas, (frame, mel) -> (frame, 39) float32."""
    static = mfcc(mel_db, n_mfcc=13)
    return np.concatenate([static, deltas(static, order=1), deltas(static, order=2)], axis=1)
