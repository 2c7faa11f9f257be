"""Shrink an artist's mean factor towards the factor predicted from the audio.

    (n m_artist + kappa f(sound)) / (n + kappa)

with n train tracks of the artist: the posterior mean of a normal with prior f(sound) (Efron & Morris 1975). For an
artist without train tracks it is the prediction from the audio.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unheard.models.rankers.ridge import PENALTIES, TEMPERATURE
from unheard.models.rankers.tower import Linear


@dataclass(frozen=True)
class Shrinkage:
    """kappas: candidates; penalties, temperature: of the ridge. kappa, penalty: used without validation tracks."""

    kappas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    penalties: tuple[float, ...] = PENALTIES
    kappa: float = 1.0
    penalty: float = 0.3
    temperature: float = TEMPERATURE


class ArtistAndSound(nn.Module):
    """(batch, sound + factors + 1) -> (batch, factors); the last columns are those of inference/artists.py.

    centre  (factors,) mean factor of the train tracks, which was subtracted from the artists' means
    scale   by which the artists' means were divided
    """

    def __init__(self, sound: Linear, centre: Tensor, scale: float, kappa: float) -> None:
        super().__init__()
        self.sound = sound
        self.register_buffer("centre", centre)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("kappa", torch.tensor(kappa, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        centre, scale, kappa = (self.get_buffer(name) for name in ("centre", "scale", "kappa"))
        n_sound = x.shape[1] - len(centre) - 1
        mean = centre + scale * x[:, n_sound:-1]  # (batch, factors)
        n = torch.expm1(x[:, -1:])  # (batch, 1)
        factors: Tensor = (n * mean + kappa * self.sound(x[:, :n_sound])) / (n + kappa)
        return factors
