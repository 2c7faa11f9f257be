"""CLCRec: places of played tracks are learned from plays, and a tower learns to tell them from descriptions."""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import TowerConfig


@dataclass(frozen=True)
class ClcRec:
    """Contrastive training on two kinds of pairs (training/rankers/clcrec.py).

    output       numbers of a place
    temperature  of both softmaxes
    balance      lambda: weight of the pairs of a track's place and its description; the rest is for playlist and track
    hybrid       rho: how often a track stands for itself by its description while playlists are learned
    negatives    tracks of a step, drawn from all train tracks, that a positive has to stand out from
    shrink       eta: weight of the squared length of learned places
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    descent: Descent = field(default_factory=lambda: Descent(learning_rate=3e-3))
    output: int = 64
    temperature: float = 0.2
    balance: float = 0.5
    hybrid: float = 0.5
    negatives: int = 256
    shrink: float = 0.01
