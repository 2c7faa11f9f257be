"""Two towers that share their weights: a track is an encoded description, a playlist the mean of its encoded tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

from unheard.models.rankers.tower import TowerConfig


@dataclass(frozen=True)
class TwoTower:
    """Contrastive training on plays (training/rankers/two_tower.py).

    output          numbers of a place
    temperature     of the softmax over candidates
    held_out        share of a playlist that has to be guessed from the rest, anew in each step
    across_artists  hold out whole artists, so that what is learned carries over to new ones
    popularity      exponent of the logQ correction: 0 learns who is popular too, 1 takes popularity out
    artist_dropout  how often a track's artist is hidden in training (if the recipe knows artists at all)
    tracks, playlists   of one step; more tracks than that are sampled
    steps, checks   so many steps, judged on validation tracks so many times; the best weights are kept
    """

    tower: TowerConfig = field(default_factory=TowerConfig)
    output: int = 64
    temperature: float = 0.1
    held_out: float = 0.5
    across_artists: bool = False
    popularity: float = 0.0
    artist_dropout: float = 0.5
    tracks: int = 2048
    playlists: int = 512
    steps: int = 300
    checks: int = 6
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
