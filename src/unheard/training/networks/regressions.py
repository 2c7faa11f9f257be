"""Losses of a last stage: errors of predicted factors, patch by patch.

mse     mean squared error of scaled factors
cosine  1 - cosine of centred factors, plus a small share of mse
score   (y' - y)^T G (y' - y) with G = X^T X over playlist factors X: the squared error of all playlists' scores
        (van den Oord et al. 2013, after "weighted prediction error"), divided by the error of predicting the mean
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.arrays import Floats, Indices
from unheard.factors.scaling import Scaling
from unheard.inference.device import to_device
from unheard.training.dataset import TrainingData
from unheard.training.networks.batches import shuffled
from unheard.training.networks.objective import Stats
from unheard.training.networks.partners import check_plays
from unheard.training.networks.triplets import unit_factors


class Regression:
    """Mean squared error; the other losses override `error`."""

    def __init__(self, data: TrainingData, scaling: Scaling, device: torch.device) -> None:
        self.own: nn.Module = nn.Module()
        self._data, self._scaling = data, scaling
        self._scaled = torch.from_numpy(scaling.transform(data.train.factors)).to(device)
        self._scaled_val = scaling.transform(data.validation.factors)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Indices]:
        return shuffled(rng, len(self._data.train), batch_size, n_items)

    def loss(self, output: Tensor, items: Indices) -> tuple[Tensor, Stats]:
        return self.error(output, self._scaled[to_device(items, self._scaled.device)]), {}

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        """Return the error of outputs against scaled factors, (batch, d) both, on any device."""
        return functional.mse_loss(output, scaled)

    def validate(self, output: Floats) -> Stats:
        """Return figures of the tracks' mean outputs (validation, d).

        loss         mean error against scaled factors
        correlation  cosine of all outputs and all scaled factors taken as two long vectors
        cosine       mean over tracks of the centred cosine with the factor
        gain         the g > 0 that minimises |g outputs - scaled factors|^2; 1 if there is none
        """
        predicted = unit_factors(self._scaling.inverse(output), self._data.mean_factor)
        true = unit_factors(self._data.validation.factors, self._data.mean_factor)
        wide = output.astype(np.float64)
        product = float((wide * self._scaled_val).sum())
        length = float(np.linalg.norm(wide))
        return {
            "loss": self._val_error(output),
            "correlation": product / (length * float(np.linalg.norm(self._scaled_val))) if length else 0.0,
            "cosine": float((predicted * true).sum(axis=1).mean(dtype=np.float64)),
            "gain": product / length**2 if product > 0 else 1.0,
        }

    def _val_error(self, output: Floats) -> float:
        return float(((output - self._scaled_val) ** 2).mean(dtype=np.float64))


class _Unscaled(Regression):
    """A loss over unscaled factors; multiplying by the scaling's `scale` restores them up to a shift."""

    def __init__(self, data: TrainingData, scaling: Scaling, device: torch.device) -> None:
        super().__init__(data, scaling, device)
        self._scale = torch.from_numpy(scaling.scale).to(device)
        self._centre = torch.from_numpy(scaling.transform(data.mean_factor[None])).to(device)  # (1, d), scaled

    def _val_error(self, output: Floats) -> float:
        with torch.no_grad():
            pair = (torch.from_numpy(part).to(self._scale.device) for part in (output, self._scaled_val))
            return float(self.error(*pair))


class CosineRegression(_Unscaled):
    """Mean over items of 1 - cosine(y' - mean, y - mean), plus `length` times the mean squared error."""

    def __init__(self, data: TrainingData, scaling: Scaling, device: torch.device, length: float) -> None:
        super().__init__(data, scaling, device)
        self._length = length

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        predicted, true = ((part - self._centre) * self._scale for part in (output, scaled))
        direction = 1 - functional.cosine_similarity(predicted, true, dim=1, eps=1e-6).mean()
        return direction + self._length * functional.mse_loss(output, scaled)


class ScoreRegression(_Unscaled):
    """Mean over items of (y' - y)^T G (y' - y), divided by its value for y' = the mean of the train tracks."""

    def __init__(self, data: TrainingData, scaling: Scaling, device: torch.device) -> None:
        super().__init__(data, scaling, device)
        X = check_plays(data).playlist_factors.astype(np.float64)
        centred = (data.train.factors - data.mean_factor).astype(np.float64)
        gram = X.T @ X  # (d, d)
        cost = float(np.einsum("nd,de,ne->n", centred, gram, centred).mean())
        self._gram = torch.from_numpy((gram / (cost or 1.0)).astype(np.float32)).to(device)

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        miss = (output - scaled) * self._scale  # (batch, d)
        return ((miss @ self._gram) * miss).sum(dim=1).mean()
