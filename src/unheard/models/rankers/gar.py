"""GAR: a generator predicts factors from features, and a recommender learns to distinguish them from warm factors."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class Gar:
    """output: dimension of the embedding.

    similarity  alpha: weight of the distance to the warm factor, against the adversarial loss
    negative    beta: weight of other tracks as negatives of the recommender; the rest is for generated tracks
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    recommender: TowerConfig = field(default_factory=lambda: TowerConfig(dropout=0.5, input_dropout=0.0))
    descent: Descent = field(default_factory=Descent)
    output: int = 64
    similarity: float = 0.5
    negative: float = 0.6


class Generated(nn.Module):
    """(batch, inputs) features -> (batch, factors) -> (batch, output) embedding in the recommender's space."""

    def __init__(self, generator: Tower, tracks: Tower) -> None:
        super().__init__()
        self.generator, self.tracks = generator, tracks

    def forward(self, x: Tensor) -> Tensor:
        embeddings: Tensor = self.tracks(self.generator(x))
        return embeddings
