"""Regressions of factors in closed form: one eigendecomposition serves every penalty, validation ranking weighs them.

With centred X = U S V' (train, inputs) and centred Y (train, factors), ridge regression (Hoerl & Kennard 1970) is

    B = (X'X + lambda I)^-1 X'Y = V diag(1 / (s^2 + lambda)) V'X'Y

V and s come from X'X, or from XX' where there are more inputs than tracks. Computed in float64.

Validation tracks are often the work of a dozen artists, and the setting that ranks those best is seldom the one that
ranks the next dozen best. So no setting wins: all are averaged (Hoeting et al. 1999, Bayesian Model Averaging), with
weights that grow exponentially with how well each ranks (Freund & Schapire 1997, Hedge).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from unheard.models.rankers.tower import Linear
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import score_deviation
from unheard.training.rankers.validation import judges, ndcg

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]
Setting = TypeVar("Setting")
ROUNDING = 1e-10  # of the largest eigenvalue: directions that nothing varies in


@dataclass(frozen=True)
class Regression:
    """A centred problem, decomposed.

    x_mean, y_mean  (inputs,), (factors,)
    basis           V, (inputs, r)
    energy          s^2, (r,)
    cross           V'X'Y, (r, factors)
    """

    x_mean: Wide
    y_mean: Wide
    basis: Wide
    energy: Wide
    cross: Wide

    @staticmethod
    def of(x: NDArray[np.floating], y: NDArray[np.floating]) -> Regression:
        """From train rows x (train, inputs) and y (train, factors)."""
        x_mean, y_mean = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
        x, y = x - x_mean, y - y_mean
        wide = x.shape[1] > len(x)
        energy, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
        varies = energy > ROUNDING * max(float(energy[-1]), np.finfo(np.float64).tiny)
        energy, vectors = energy[varies], vectors[:, varies]
        basis = x.T @ vectors / np.sqrt(energy) if wide else vectors
        return Regression(x_mean, y_mean, basis, energy, basis.T @ (x.T @ y))

    def coefficients(self, penalty: float) -> Wide:
        """B, (inputs, factors)."""
        return self.basis @ (self.cross / (self.energy + penalty)[:, None])

    def predict(self, x: NDArray[np.floating], coefficients: Wide) -> Floats:
        """Factors of rows x, (n, factors) float32."""
        return (x @ coefficients + self._offset(coefficients)).astype(np.float32)

    def linear(self, coefficients: Wide) -> Linear:
        """The same as a module."""
        offset = self._offset(coefficients).astype(np.float32)
        return Linear(torch.from_numpy(coefficients.astype(np.float32)), torch.from_numpy(offset)).eval()

    def _offset(self, coefficients: Wide) -> Wide:
        offset: Wide = self.y_mean - self.x_mean @ coefficients
        return offset


@dataclass(frozen=True)
class Averaged:
    """Mean coefficients, and the nDCG of every setting that is in them."""

    coefficients: Wide
    history: tuple[dict[str, float], ...]


def average(
    settings: Iterable[Setting],
    otherwise: Setting,
    data: TrainingData,
    solve: Callable[[Setting], Wide],
    predict: Callable[[Wide], Floats],
    told: Callable[[Setting], dict[str, float]],
    temperature: float,
) -> Averaged:
    """Coefficients of all settings, weighted by exp(nDCG / temperature); of `otherwise` where nobody can judge.

    solve    setting -> coefficients
    predict  coefficients -> factors of the validation tracks
    told     setting -> its name in the history

    Penalties shrink predictions, so each setting's are brought to the same deviation of scores before they are added,
    and their mean back to the mean deviation.
    """
    asked = judges(data)
    if not len(asked):
        return Averaged(solve(otherwise), (told(otherwise),))
    best, weights, deviations, total, history = -np.inf, 0.0, 0.0, None, []
    for setting in settings:
        coefficients = solve(setting)
        predicted = predict(coefficients)
        quality = ndcg(data.playlist_factors, predicted, data, asked)
        history.append({**told(setting), "ndcg": quality})
        deviation = score_deviation(data.playlist_factors[asked], predicted)
        if not deviation > 0:
            continue  # it says the same of every track
        # Sums are kept relative to the best so far: exp(nDCG / temperature) itself would grow large.
        before, best = np.exp((min(best, quality) - quality) / temperature), max(best, quality)
        weight = np.exp((quality - best) / temperature)
        added = weight / deviation * coefficients
        total = added if total is None else before * total + added
        weights, deviations = before * weights + weight, before * deviations + weight * deviation
    if total is None:
        return Averaged(solve(otherwise), tuple(history))
    return Averaged(total / weights * (deviations / weights), tuple(history))
