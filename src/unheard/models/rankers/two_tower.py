"""Two towers that share their weights: a track is an encoded description, a playlist the mean of its encoded tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.rankers.tower import Tower, TowerConfig


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
    artist_dropout: float = 0.3
    tracks: int = 2048
    playlists: int = 512
    steps: int = 300
    checks: int = 6
    learning_rate: float = 1e-3
    weight_decay: float = 0.01


class SoundAndArtist(nn.Module):
    """(batch, sound + d + 1) -> (batch, outputs) of unit length: what the sound says, and what the artist does.

    The last columns are those of training/artists.py, zero for an artist without train tracks. A linear map takes the
    artist's mean factor into the space of the sound's places; the more tracks stand behind it, the more it counts:
    w = n / (n + kappa), with kappa learned, as in shrinkage.py.
    """

    def __init__(self, config: TwoTower, *, n_sound: int, n_artist: int) -> None:
        super().__init__()
        self.n_sound = n_sound
        self.sound = Tower(config.tower, inputs=n_sound, outputs=config.output, unit_length=True)
        self.artist = nn.Linear(n_artist - 1, config.output, bias=False) if n_artist else None
        self.log_kappa = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        sound: Tensor = self.sound(x[:, : self.n_sound])  # (batch, outputs)
        if self.artist is None:
            return sound
        n = torch.expm1(x[:, -1:])  # (batch, 1) train tracks of the artist
        weight = n / (n + self.log_kappa.exp())
        artist = functional.normalize(self.artist(x[:, self.n_sound : -1]))  # (batch, outputs), zero for nobody
        return functional.normalize((1 - weight) * sound + weight * artist)
