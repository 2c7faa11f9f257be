"""Deep content-user embedding: each playlist has a learned embedding, and a tower embeds tracks from their features."""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import TowerConfig


@dataclass(frozen=True)
class ContentUser:
    """output: dimension of the embedding. margin: of the hinge. negatives: of a step, drawn from all train tracks."""

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=lambda: Descent(learning_rate=3e-3))
    output: int = 64
    margin: float = 0.2
    negatives: int = 256
