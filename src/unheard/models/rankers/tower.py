"""The towers of the rankers, which map a track's features to an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class TowerConfig:
    """width, layers: of the hidden layers. dropout: of hidden units. input_dropout: of features."""

    width: int = 256
    layers: int = 1
    dropout: float = 0.5
    input_dropout: float = 0.5


class Tower(nn.Module):
    """(batch, inputs) -> (batch, outputs): dropout, then linear + GELU + dropout for each layer, then linear."""

    def __init__(self, config: TowerConfig, *, inputs: int, outputs: int, unit_length: bool = False) -> None:
        super().__init__()
        self.config, self.unit_length = config, unit_length
        widths = [inputs, *[config.width] * config.layers]
        self.hidden = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.output = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(x, self.config.input_dropout, self.training)
        for layer in self.hidden:
            x = functional.dropout(functional.gelu(layer(x)), self.config.dropout, self.training)  # (batch, width)
        x = self.output(x)  # (batch, outputs)
        return functional.normalize(x) if self.unit_length else x


class Linear(nn.Module):
    """A fitted affine map, for models in closed form: (batch, inputs) -> (batch, outputs)."""

    def __init__(self, weight: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)  # (inputs, outputs)
        self.register_buffer("offset", offset)  # (outputs,)

    def forward(self, x: Tensor) -> Tensor:
        weight, offset = self.get_buffer("weight"), self.get_buffer("offset")
        return torch.addmm(offset, x, weight)
