"""Losses of a last stage: errors against the factors, patch by patch.

mse     mean squared error of scaled factors
cosine  1 - cosine of centred factors, plus a little of the former
score   (y' - y)^T G (y' - y) with G = X^T X over playlist factors X: the squared error of all playlists' scores
        (van den Oord et al. 2013, after "weighted prediction error"), in units of what predicting the mean costs
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from unheard.training.networks.batches import Items, shuffled
from unheard.training.networks.partners import need
from unheard.training.networks.targets import Stats, Targets
from unheard.training.networks.triplets import unit_factors


class Regression:
    """Mean squared error; the other two differ in `error`."""

    def __init__(self, targets: Targets, device: torch.device) -> None:
        self.own: nn.Module = nn.Module()
        self._targets = targets
        self._scaled = torch.from_numpy(targets.scaling.transform(targets.train)).to(device)
        self._scaled_val = targets.scaling.transform(targets.val)

    def epoch(self, rng: np.random.Generator, batch_size: int, n_items: int) -> list[Items]:
        return shuffled(rng, len(self._targets.train), batch_size, n_items)

    def loss(self, output: Tensor, items: Items) -> tuple[Tensor, Stats]:
        return self.error(output, self._scaled[torch.from_numpy(items)]), {}

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        """Of outputs against scaled factors, (batch, d) both, on any device."""
        return functional.mse_loss(output, scaled)

    def validate(self, output: NDArray[np.float32]) -> Stats:
        """Of the tracks' mean outputs.

        loss         mean error against scaled factors
        correlation  cosine of all outputs and all scaled factors taken as two long vectors
        cosine       mean over tracks of the centred cosine with the factor
        gain         the g > 0 that minimises |g outputs - scaled factors|^2; 1 if there is none
        """
        predicted = unit_factors(self._targets.scaling.inverse(output), self._targets.mean)
        true = unit_factors(self._targets.val, self._targets.mean)
        wide = output.astype(np.float64)
        product = float((wide * self._scaled_val).sum())
        length = float(np.linalg.norm(wide))
        return {
            "loss": self._val_error(output),
            "correlation": product / (length * float(np.linalg.norm(self._scaled_val))) if length else 0.0,
            "cosine": float((predicted * true).sum(axis=1).mean(dtype=np.float64)),
            "gain": product / length**2 if product > 0 else 1.0,
        }

    def _val_error(self, output: NDArray[np.float32]) -> float:
        return float(((output - self._scaled_val) ** 2).mean(dtype=np.float64))


class _Unscaled(Regression):
    """A loss that is about factors as they are; `step` of the scaling gives them back up to a shift."""

    def __init__(self, targets: Targets, device: torch.device) -> None:
        super().__init__(targets, device)
        self._scale = torch.from_numpy(targets.scaling.scale).to(device)
        self._centre = torch.from_numpy(targets.scaling.transform(targets.mean[None])).to(device)  # (1, d), scaled

    def _val_error(self, output: NDArray[np.float32]) -> float:
        with torch.no_grad():
            pair = (torch.from_numpy(part).to(self._scale.device) for part in (output, self._scaled_val))
            return float(self.error(*pair))


class CosineRegression(_Unscaled):
    """Mean over items of 1 - cosine(y' - mean, y - mean), plus `length` times the mean squared error."""

    def __init__(self, targets: Targets, device: torch.device, length: float) -> None:
        super().__init__(targets, device)
        self._length = length

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        predicted, true = ((part - self._centre) * self._scale for part in (output, scaled))
        direction = 1 - functional.cosine_similarity(predicted, true, dim=1, eps=1e-6).mean()
        return direction + self._length * functional.mse_loss(output, scaled)


class ScoreRegression(_Unscaled):
    """Mean over items of (y' - y)^T G (y' - y), divided by the same for y' = the mean of the train tracks."""

    def __init__(self, targets: Targets, device: torch.device) -> None:
        super().__init__(targets, device)
        X = need(targets.listening).playlists.astype(np.float64)
        centred = (targets.train - targets.mean).astype(np.float64)
        gram = X.T @ X  # (d, d)
        cost = float(np.einsum("nd,de,ne->n", centred, gram, centred).mean())
        self._gram = torch.from_numpy((gram / (cost or 1.0)).astype(np.float32)).to(device)

    def error(self, output: Tensor, scaled: Tensor) -> Tensor:
        miss = (output - scaled) * self._scale  # (batch, d)
        return ((miss @ self._gram) * miss).sum(dim=1).mean()
