"""The towers of the rankers, which map a track's features to an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

MANY_FEATURES = 100


@dataclass(frozen=True)
class TowerConfig:
    """width, layers: of the hidden layers. dropout: of hidden units. input_dropout: of features.

    None: strong for many features, which say much the same and are learned by heart, and weak for few, each of which is
    needed (docs/decisions/0018-the-combiner.md).
    """

    width: int = 256
    layers: int = 1
    dropout: float | None = None
    input_dropout: float | None = None

    def dropouts(self, n_inputs: int) -> tuple[float, float]:
        """Return dropout of hidden units and of features for towers that read `n_inputs` features."""
        hidden, inputs = (0.5, 0.5) if n_inputs >= MANY_FEATURES else (0.3, 0.2)
        return (
            hidden if self.dropout is None else self.dropout,
            inputs if self.input_dropout is None else self.input_dropout,
        )


def dropout(x: Tensor, probability: float, *, training: bool) -> Tensor:
    """Return x with values dropped, as `functional.dropout` does, whose CPU version takes half of a step.

    Eight masks are cut from each 64 random bits, so the probability is rounded to 256ths.
    """
    dropped = round(256 * probability)
    if not training or not dropped:
        return x
    if x.device.type != "cpu" or dropped == 256:
        return functional.dropout(x, probability)
    words = torch.randint(-(2**63), 2**63 - 1, (-(-x.numel() // 8),))
    kept = words.view(torch.uint8)[: x.numel()].view_as(x) >= dropped
    return x * kept.to(x.dtype).mul_(256 / (256 - dropped))


class Tower(nn.Module):
    """(batch, inputs) -> (batch, outputs): dropout, then linear + GELU + dropout for each layer, then linear."""

    def __init__(self, config: TowerConfig, *, inputs: int, outputs: int, unit_length: bool = False) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.dropout, self.input_dropout = config.dropouts(inputs)
        widths = [inputs, *[config.width] * config.layers]
        self.hidden = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.output = nn.Linear(widths[-1], outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = dropout(x, self.input_dropout, training=self.training)
        for layer in self.hidden:
            x = dropout(functional.gelu(layer(x)), self.dropout, training=self.training)  # (batch, width)
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
