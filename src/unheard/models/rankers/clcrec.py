"""CLCRec: embeddings of warm tracks are learned from plays, and a tower learns to predict them from features."""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import TowerConfig


@dataclass(frozen=True)
class ClcRec:
    """Contrastive training on two kinds of pairs (training/rankers/clcrec.py).

    output       dimension of the embedding
    temperature  of both softmaxes
    balance      lambda: weight of the pairs of embedding and prediction of a track; the rest is for playlist and track
    hybrid       rho: how often a track's embedding is replaced by its prediction while playlists are learned
    negatives    negatives of a step, drawn from all train tracks
    shrink       eta: weight of the squared length of learned embeddings
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=lambda: Descent(learning_rate=3e-3))
    output: int = 64
    temperature: float = 0.2
    balance: float = 0.5
    hybrid: float = 0.5
    negatives: int = 256
    shrink: float = 0.01
