"""The 1-D CNN over mel patches, with convolutions along one axis (thesis rows 9 and 10; van den Oord et al. 2013).

Along the frames, mel bands are channels: each filter spans all of them, so a patch takes a small part of the time of
the 2-D network. By its parameter count this is the row that the thesis calls "slide in frequency domain" (9), and
"slide in time domain" (10) convolves along the bands with the frames as channels.
After the convolutions the frames are either flattened, as in the thesis, or summarised by their mean, deviation and
maximum, which do not depend on time. A 2-D convolution of height 1 in channels-last order is faster than torch's 1-D
convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.dense import dense_tail, he_normal, hidden_layers, output_layer


@dataclass(frozen=True)
class Cnn1dConfig:
    """channels and pools: one entry per block. along: the axis of the filters of `width` and of the pools."""

    channels: tuple[int, ...] = (32, 32, 32)
    width: int = 4
    pools: tuple[int, ...] = (2, 2, 2)
    dense: tuple[int, ...] = (1024, 1024, 512)
    batch_norm: bool = True
    summary: Literal["flatten", "moments"] = "flatten"
    along: Literal["frames", "bands"] = "frames"
    dropout: float = 0.0
    unit_length: bool = False

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("expected at least one channel")
        if len(self.pools) != len(self.channels):
            raise ValueError(f"expected as many pools as channels, found {len(self.pools)} and {len(self.channels)}")


class Cnn1d(nn.Module):
    """(batch, 1, mel, frame) -> (batch, outputs). The flatten runs over channel, then position."""

    def __init__(self, config: Cnn1dConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        inputs, length = (mels, frames) if config.along == "frames" else (frames, mels)
        self.convolutions = nn.ModuleList()
        for before, channels in pairwise((inputs, *config.channels)):
            convolution = nn.Conv2d(before, channels, (1, config.width))
            he_normal(convolution)
            self.convolutions.append(convolution)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in config.channels) if config.batch_norm else None
        for pool in config.pools:
            length //= pool
        if not length:
            raise UserError(f"the pools {config.pools} reduce a patch to nothing; choose smaller pools")
        flat = config.channels[-1] * (length if config.summary == "flatten" else 3)
        self.hidden, width = hidden_layers(flat, config.dense)
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(2, 3) if self.config.along == "bands" else x  # the axis of the convolutions comes last
        x = x.transpose(1, 2).contiguous(memory_format=torch.channels_last)  # (batch, mel, 1, frame)
        left = (self.config.width - 1) // 2
        for block, convolution in enumerate(self.convolutions):
            x = functional.pad(x, (left, self.config.width - 1 - left))
            x = convolution(x)  # (batch, channels, 1, position)
            x = self.norms[block](x) if self.norms is not None else x
            x = functional.elu(functional.max_pool2d(x, (1, self.config.pools[block])))  # position / pool
        x = x.squeeze(2)  # (batch, channels, position)
        x = x.flatten(1) if self.config.summary == "flatten" else moments(x)  # (batch, flat)
        x = dense_tail(x, self.hidden, self.output, dropout=self.config.dropout, training=self.training)
        return functional.normalize(x) if self.config.unit_length else x


def moments(x: Tensor) -> Tensor:
    """Return mean, deviation and maximum over frames: (batch, channels, frame) -> (batch, 3 * channels)."""
    mean = x.mean(dim=2)
    deviation = torch.sqrt((x - mean[:, :, None]).square().mean(dim=2) + 1e-5)
    return torch.cat([mean, deviation, x.amax(dim=2)], dim=1)
