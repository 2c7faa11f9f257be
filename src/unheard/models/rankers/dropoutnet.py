"""DropoutNet: one network for tracks with and without plays, trained with factors dropped at random."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class DropoutNet:
    """output: dimension of the embedding. factor_dropout: probability that a track's whole factor is dropped."""

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=Descent)
    output: int = 64
    factor_dropout: float = 0.5


class TrackTower(nn.Module):
    """f_V of the paper: embeds a track's features and its factor, zero if it has none."""

    def __init__(self, config: DropoutNet, *, inputs: int, factors: int) -> None:
        super().__init__()
        self.factors = factors
        self.content = Tower(config.tower, inputs=inputs, outputs=config.tower.width)
        self.joint = joint_tower(config, inputs=config.tower.width + factors)

    def forward(self, x: Tensor, factor: Tensor | None = None) -> Tensor:
        """(batch, inputs) and (batch, factors) or nothing -> (batch, output)."""
        if factor is None:
            factor = x.new_zeros(x.shape[0], self.factors)
        embeddings: Tensor = self.joint(torch.cat([self.content(x), factor], dim=1))
        return embeddings


def joint_tower(config: DropoutNet, *, inputs: int) -> Tower:
    """Return a tower that reads factors; it has no input dropout, because factors are dropped as a whole."""
    dropout = 0.5 if config.tower.dropout is None else config.tower.dropout
    tower = replace(config.tower, dropout=dropout, input_dropout=0.0)
    return Tower(tower, inputs=inputs, outputs=config.output)
