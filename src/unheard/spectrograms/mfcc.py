"""Mel-frequency cepstral coefficients and their deltas (Davis and Mermelstein 1980; Savitzky and Golay 1964)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

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


@lru_cache(maxsize=4)
def slope_matrix(width: int, order: int) -> NDArray[np.float32]:
    """Row i: weights of samples for the derivative at sample i of the polynomial of degree `order` fitted to `width`.

    Savitzky and Golay's least squares: derivatives of the monomials there, times the pseudo-inverse of the monomials.
    """
    place = np.arange(width) - (width - 1) / 2
    powers = np.arange(order + 1)
    monomials = place[:, None] ** powers  # (sample, power)
    factors = np.array([math.perm(int(power), order) for power in powers])
    derivatives = factors * place[:, None] ** np.maximum(powers - order, 0)
    weights: NDArray[np.float32] = (derivatives @ np.linalg.pinv(monomials)).astype(np.float32)
    return weights


def deltas(x: NDArray[np.float32], *, order: int = 1) -> NDArray[np.float32]:
    """Derivative of `order` over time: a polynomial of that degree fitted to 9 frames around each, (frame, k) -> same.

    The ends are read off the polynomial of the outermost 9 frames; of fewer than 9 frames the outermost is repeated.
    """
    weights, half = slope_matrix(DELTA_WIDTH_FRAMES, order), DELTA_WIDTH_FRAMES // 2
    n = len(x)
    if n < DELTA_WIDTH_FRAMES:
        x = np.pad(x, ((half, half), (0, 0)), mode="edge")
    inner = len(x) - 2 * half
    slopes = np.zeros((inner, x.shape[1]), np.float32)
    for place, weight in enumerate(weights[half]):
        slopes += weight * x[place : place + inner]
    if n < DELTA_WIDTH_FRAMES:
        return slopes
    first, last = weights[:half] @ x[:DELTA_WIDTH_FRAMES], weights[-half:] @ x[-DELTA_WIDTH_FRAMES:]
    return np.concatenate([first, slopes, last])


def bag_frames(mel_db: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a bag of tones is made of: 13 MFCCs, their first and second deltas, (frame, mel) -> (frame, 39) float32."""
    static = mfcc(mel_db, n_mfcc=13)
    return np.concatenate([static, deltas(static, order=1), deltas(static, order=2)], axis=1)
