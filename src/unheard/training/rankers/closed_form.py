"""Regressions of factors in closed form, averaged over penalties by how well each ranks validation tracks.

With centred X = U S V' (train, inputs) and centred Y (train, factors), ridge regression (Hoerl & Kennard 1970) is

    B = (X'X + lambda I)^-1 X'Y = V diag(1 / (s^2 + lambda)) V'X'Y

One eigendecomposition, of X'X or of XX' (the smaller), serves all penalties. Computed in float64.

Validation tracks are often the work of a dozen artists, and the setting that ranks those best is seldom the one that
ranks the next dozen best. So all settings are averaged (Hoeting et al. 1999, Bayesian Model Averaging), with weights
that grow exponentially with nDCG (Freund & Schapire 1997, Hedge).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from unheard.arrays import Doubles, Floats, Reals
from unheard.models.rankers.tower import Linear
from unheard.progress import Progress
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import score_deviation
from unheard.training.rankers.validation import ndcg, validation_playlists

Setting = TypeVar("Setting")
ROUNDING = 1e-10  # of the largest eigenvalue: below it, a direction is taken for constant


@dataclass(frozen=True)
class DecomposedRegression:
    """A centred problem, decomposed.

    x_mean, y_mean  (inputs,), (factors,)
    basis           V, (inputs, r)
    energy          s^2, (r,)
    cross           V'X'Y, (r, factors)
    """

    x_mean: Doubles
    y_mean: Doubles
    basis: Doubles
    energy: Doubles
    cross: Doubles

    @staticmethod
    def of(x: Reals, y: Reals) -> DecomposedRegression:
        """Decompose the problem of train rows x (train, inputs) and y (train, factors)."""
        x_mean, y_mean = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
        x, y = x - x_mean, y - y_mean
        wide = x.shape[1] > len(x)
        energy, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
        varies = energy > ROUNDING * max(float(energy[-1]), np.finfo(np.float64).tiny)
        energy, vectors = energy[varies], vectors[:, varies]
        basis = x.T @ vectors / np.sqrt(energy) if wide else vectors
        return DecomposedRegression(x_mean, y_mean, basis, energy, basis.T @ (x.T @ y))

    def coefficients(self, penalty: float) -> Doubles:
        """Return B, (inputs, factors)."""
        return self.basis @ (self.cross / (self.energy + penalty)[:, None])

    def predict(self, x: Reals, coefficients: Doubles) -> Floats:
        """Return factors of rows x, (n, factors) float32."""
        return (x @ coefficients + self._offset(coefficients)).astype(np.float32)

    def linear(self, coefficients: Doubles) -> Linear:
        """Return the same as a module."""
        offset = self._offset(coefficients).astype(np.float32)
        return Linear(torch.from_numpy(coefficients.astype(np.float32)), torch.from_numpy(offset)).eval()

    def _offset(self, coefficients: Doubles) -> Doubles:
        offset: Doubles = self.y_mean - self.x_mean @ coefficients
        return offset


@dataclass(frozen=True)
class Averaged:
    """Mean coefficients, and the nDCG of every setting."""

    coefficients: Doubles
    history: tuple[dict[str, float], ...]


def average(
    settings: Sequence[Setting],
    default: Setting,
    data: TrainingData,
    solve: Callable[[Setting], Doubles],
    predict: Callable[[Doubles], Floats],
    label: Callable[[Setting], dict[str, float]],
    temperature: float,
    progress: Progress,
    name: str,
) -> Averaged:
    """Return the mean coefficients of all settings, weighted by exp(nDCG / temperature).

    Without validation playlists, return those of `default`.

    solve    setting -> coefficients
    predict  coefficients -> factors of the validation tracks
    label    setting -> its entry in the history

    Penalties shrink predictions, so each setting's are brought to the same deviation of scores before they are added,
    and their mean back to the mean deviation.
    """
    queries = validation_playlists(data)
    if not len(queries):
        progress(name, len(settings), len(settings))
        return Averaged(solve(default), (label(default),))
    best, weights, deviations, total, history = -np.inf, 0.0, 0.0, None, []
    for number, setting in enumerate(settings, 1):
        progress(name, number, len(settings))
        coefficients = solve(setting)
        predicted = predict(coefficients)
        quality = ndcg(data.playlist_factors, predicted, data, queries)
        history.append({**label(setting), "ndcg": quality})
        deviation = score_deviation(data.playlist_factors[queries], predicted)
        if not deviation > 0:
            continue  # it predicts the same for every track
        # Sums are kept relative to the best so far: exp(nDCG / temperature) itself would grow large.
        before, best = np.exp((min(best, quality) - quality) / temperature), max(best, quality)
        weight = np.exp((quality - best) / temperature)
        added = weight / deviation * coefficients
        total = added if total is None else before * total + added
        weights, deviations = before * weights + weight, before * deviations + weight * deviation
    if total is None:
        return Averaged(solve(default), tuple(history))
    return Averaged(total / weights * (deviations / weights), tuple(history))
