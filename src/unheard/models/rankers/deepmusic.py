"""Deep content-based music recommendation: a tower predicts warm factors, with one of four losses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor, nn

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class DeepMusic:
    """A tower from features to warm factors (van den Oord et al. 2013), fitted by one of four losses.

    loss    mse: squared error of factors. wpe: squared error of preferences, weighted as in the factorisation with
            confidence 1 + alpha. cosine: direction of factors around their mean; all predictions have the same distance
            from it. score: squared error of the scores of all playlists
    alpha   weight of a play in wpe
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=lambda: Descent(batch_size=256, steps_per_check=20, checks=60))
    loss: Literal["mse", "wpe", "cosine", "score"] = "mse"
    alpha: float = 20.0


class FactorNetwork(nn.Module):
    """(batch, inputs) -> (batch, factors): centre + scale times the tower, so that the tower's outputs are around 1."""

    def __init__(self, tower: Tower, centre: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.tower = tower
        self.register_buffer("centre", centre)  # (factors,)
        self.register_buffer("scale", scale)  # ()

    def forward(self, x: Tensor) -> Tensor:
        factors: Tensor = self.get_buffer("centre") + self.get_buffer("scale") * self.tower(x)
        return factors
