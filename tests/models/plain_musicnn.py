"""MusiCNN in NumPy and float64, on a checkpoint's own tensors in TensorFlow's layouts: what the fast one is held to.

Every step in the order in which it is defined - normalise, pad, convolve, ReLU, normalise, then the maximum - with
axes (frame, mel, channel).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unheard.arrays import Doubles

Tensors = Mapping[str, NDArray[np.float32]]


def plain_musicnn(tensors: Tensors, patch: NDArray[np.float32]) -> tuple[Doubles, Doubles]:
    """Penultimate layer (200,) and logits (50,) of one patch (frame, mel)."""
    x = _norm(tensors, 0, patch.astype(np.float64)[:, :, None])
    timbral = np.pad(x, ((3, 3), (0, 0), (0, 0)))
    front = []
    for number in range(5):
        if number < 2:
            y = _convolve(tensors, number, timbral)  # (frame, 59 or 30, 204)
        else:
            total = (128, 64, 32)[number - 2] - 1  # "same" padding puts the odd one behind
            y = _convolve(tensors, number, np.pad(x, ((total // 2, total - total // 2), (0, 0), (0, 0))))
        front.append(_norm(tensors, number + 1, y).max(axis=1))
    features = [np.concatenate(front, axis=1)]  # (frame, 561)
    for number in (5, 6, 7):
        image = np.pad(features[-1], ((3, 3), (0, 0)))[:, :, None]
        y = _norm(tensors, number + 1, _convolve(tensors, number, image))[:, 0]  # (frame, 64)
        features.append(y if number == 5 else y + features[-1])
    whole = np.concatenate(features, axis=1)  # (frame, 753)
    pooled = np.stack([whole.max(axis=0), whole.mean(axis=0)], axis=1).reshape(-1)  # (1506,)
    hidden = _norm(tensors, 9, pooled) @ tensors["dense/kernel"].astype(np.float64) + tensors["dense/bias"]
    penultimate = _norm(tensors, 10, np.maximum(hidden, 0.0))
    return penultimate, penultimate @ tensors["dense_1/kernel"].astype(np.float64) + tensors["dense_1/bias"]


def _convolve(tensors: Tensors, number: int, image: Doubles) -> Doubles:
    """ReLU of the convolution without padding: (frame, mel, 1) -> (frame, mel, out)."""
    name = f"conv2d_{number}" if number else "conv2d"
    kernel = tensors[f"{name}/kernel"].astype(np.float64)  # (frame, mel, 1, out)
    windows = sliding_window_view(image[:, :, 0], kernel.shape[:2])  # (frame, mel, kernel frame, kernel mel)
    y = np.tensordot(windows, kernel[:, :, 0], axes=2) + tensors[f"{name}/bias"]
    return np.maximum(y, 0.0)


def _norm(tensors: Tensors, number: int, x: Doubles) -> Doubles:
    name = f"batch_normalization_{number}" if number else "batch_normalization"
    gamma, beta, mean, variance = (
        tensors[f"{name}/{part}"].astype(np.float64) for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return np.asarray(gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta)
