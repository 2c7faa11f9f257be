"""Kernel ridge regression with a Gaussian kernel, approximated by random Fourier features.

Rahimi and Recht, Random Features for Large-Scale Kernel Machines (2007), algorithm 1: with w drawn from the kernel's
Fourier transform, a normal of variance 1 / bandwidth^2, and b uniform on 0 .. 2 pi,

    z(x) = sqrt(2 / D) cos(w'x + b),  z(x)'z(y) ~ exp(-|x - y|^2 / (2 bandwidth^2))
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unheard.models.rankers.ridge import PENALTIES, TEMPERATURE
from unheard.models.rankers.tower import Linear


@dataclass(frozen=True)
class KernelRidge:
    """features: D. The other fields are those of `Ridge`."""

    features: int = 2000
    penalties: tuple[float, ...] = PENALTIES
    penalty: float = 1e-3
    temperature: float = TEMPERATURE


class RandomFourier(nn.Module):
    """z(x), (batch, inputs) -> (batch, features), and a linear map of it, -> (batch, outputs)."""

    def __init__(self, frequencies: Tensor, phases: Tensor, linear: Linear) -> None:
        super().__init__()
        self.register_buffer("frequencies", frequencies)  # (inputs, features)
        self.register_buffer("phases", phases)  # (features,)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        factors: Tensor = self.linear(fourier(x, self.get_buffer("frequencies"), self.get_buffer("phases")))
        return factors


def fourier(x: Tensor, frequencies: Tensor, phases: Tensor) -> Tensor:
    """Return z(x) of the rows of x, (batch, features)."""
    return math.sqrt(2 / len(phases)) * torch.cos(torch.addmm(phases, x, frequencies))
