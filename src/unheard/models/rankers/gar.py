"""GAR: a generator of factors from descriptions plays against a recommender that tells them from warm ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class Gar:
    """output: numbers of a place.

    similarity  alpha: weight of staying near the warm factor, against deceiving the recommender
    negative    beta: how much of what the recommender has to push down are other tracks; the rest are generated ones
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    recommender: TowerConfig = field(default_factory=lambda: TowerConfig(input_dropout=0.0))
    descent: Descent = field(default_factory=Descent)
    output: int = 64
    similarity: float = 0.5
    negative: float = 0.6


class Generated(nn.Module):
    """(batch, inputs) description -> (batch, factors) -> (batch, output) place among the recommender's tracks."""

    def __init__(self, generator: Tower, tracks: Tower) -> None:
        super().__init__()
        self.generator, self.tracks = generator, tracks

    def forward(self, x: Tensor) -> Tensor:
        places: Tensor = self.tracks(self.generator(x))
        return places
