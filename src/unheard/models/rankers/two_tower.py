"""Two towers with shared weights: a track is embedded from its features, a playlist is the mean of its tracks."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.rankers.tower import Tower, TowerConfig


@dataclass(frozen=True)
class TwoTower:
    """Contrastive training on plays (training/rankers/two_tower.py).

    output          dimension of the embedding
    temperature     of the softmax over candidates
    held_out        share of a playlist that is predicted from the rest, drawn anew in each step
    across_artists  hold out whole artists, so that the model generalises to new ones
    popularity      exponent of the logQ correction: 0 learns popularity too, 1 removes it
    artist_dropout  probability that a track's artist columns are dropped in training (if the member uses artists)
    tracks, playlists   maximal numbers in one step; they are sampled if there are more
    steps, checks   maximal number of steps, and of evaluations on validation tracks; the best weights are kept
    patience        evaluations without improvement after which the fit ends
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
    patience: int = 6
    learning_rate: float = 1e-3
    weight_decay: float = 0.01


class SoundAndArtist(nn.Module):
    """(batch, sound + d + 1) -> (batch, outputs) of unit length: combines the audio's embedding with the artist's.

    The last columns are those of inference/artists.py, zero for an artist without train tracks. A linear map embeds the
    artist's mean factor; its weight grows with the artist's number of train tracks: w = n / (n + kappa), with kappa
    learned, as in shrinkage.py.
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
        artist = functional.normalize(
            self.artist(x[:, self.n_sound : -1])
        )  # (batch, outputs), zero without train tracks
        return functional.normalize((1 - weight) * sound + weight * artist)
