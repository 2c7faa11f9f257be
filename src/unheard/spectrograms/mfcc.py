"""Compute mel-frequency cepstral coefficients and deltas (Davis and Mermelstein 1980; Savitzky and Golay 1964)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from unheard.arrays import Floats

DELTA_WIDTH_FRAMES = 9


@lru_cache(maxsize=8)
def dct_basis(n_mels: int, n_mfcc: int) -> Floats:
    """Return the first `n_mfcc` rows of the orthonormal DCT-II, transposed: (mel, n_mfcc)."""
    mel, k = np.arange(n_mels)[:, None], np.arange(n_mfcc)[None, :]
    basis = np.sqrt(2.0 / n_mels) * np.cos(np.pi * (mel + 0.5) * k / n_mels)
    basis[:, 0] /= np.sqrt(2.0)
    rounded: Floats = basis.astype(np.float32)
    return rounded


def mfcc(mel_db: Floats, *, n_mfcc: int = 13) -> Floats:
    """Return the orthonormal DCT-II over the mel bands: (frame, mel) decibels -> (frame, n_mfcc) float32."""
    return mel_db @ dct_basis(mel_db.shape[1], n_mfcc)


@lru_cache(maxsize=4)
def slope_matrix(width: int, order: int) -> Floats:
    """Return weights (sample, sample): row i gives the derivative of `order` at sample i of a fitted polynomial.

    The polynomial of degree `order` is fitted to `width` samples by least squares (Savitzky and Golay): derivatives of
    the monomials, times the pseudo-inverse of the monomials.
    """
    offset = np.arange(width) - (width - 1) / 2
    powers = np.arange(order + 1)
    monomials = offset[:, None] ** powers  # (sample, power)
    factors = np.array([math.perm(int(power), order) for power in powers])
    derivatives = factors * offset[:, None] ** np.maximum(powers - order, 0)
    weights: Floats = (derivatives @ np.linalg.pinv(monomials)).astype(np.float32)
    return weights


def deltas(x: Floats, *, order: int = 1) -> Floats:
    """Return the derivative of `order` over time, (frame, k) -> (frame, k).

    A polynomial of that degree is fitted to 9 frames around each frame. Derivatives of the first and last 4 frames are
    those of the polynomial of the outermost 9 frames; with fewer than 9 frames the outermost ones are repeated.
    """
    weights, half = slope_matrix(DELTA_WIDTH_FRAMES, order), DELTA_WIDTH_FRAMES // 2
    n = len(x)
    if n < DELTA_WIDTH_FRAMES:
        x = np.pad(x, ((half, half), (0, 0)), mode="edge")
    inner = len(x) - 2 * half
    slopes = np.zeros((inner, x.shape[1]), np.float32)
    for lag, weight in enumerate(weights[half]):
        slopes += weight * x[lag : lag + inner]
    if n < DELTA_WIDTH_FRAMES:
        return slopes
    first, last = weights[:half] @ x[:DELTA_WIDTH_FRAMES], weights[-half:] @ x[-DELTA_WIDTH_FRAMES:]
    return np.concatenate([first, slopes, last])


def bag_frames(mel_db: Floats) -> Floats:
    """Return the frames of a bag of tones, 13 MFCC and their first and second deltas: (frame, mel) -> (frame, 39)."""
    static = mfcc(mel_db, n_mfcc=13)
    return np.concatenate([static, deltas(static, order=1), deltas(static, order=2)], axis=1)
