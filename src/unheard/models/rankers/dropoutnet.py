"""DropoutNet: one network for tracks with and without plays, because it often had to do without them in training."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class DropoutNet:
    """output: numbers of a place. factor_dropout: how often a track's factor is hidden in training, whole."""

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=Descent)
    output: int = 64
    factor_dropout: float = 0.5


class TrackTower(nn.Module):
    """f_V of the paper: a description and a factor, zero if there is none, to a place."""

    def __init__(self, config: DropoutNet, *, inputs: int, factors: int) -> None:
        super().__init__()
        self.factors = factors
        self.content = Tower(config.tower, inputs=inputs, outputs=config.tower.width)
        self.joint = joint_tower(config, inputs=config.tower.width + factors)

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        """(batch, inputs) and (batch, factors) or nothing -> (batch, output)."""
        if factor is None:
            factor = x.new_zeros(len(x), self.factors)
        places: Tensor = self.joint(torch.cat([self.content(x), factor], dim=1))
        return places


def joint_tower(config: DropoutNet, *, inputs: int) -> Tower:
    """What reads factors: none of their numbers is hidden one by one."""
    return Tower(replace(config.tower, input_dropout=0.0), inputs=inputs, outputs=config.output)
