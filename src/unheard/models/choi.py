"""A network over mel patches with the convolutions of a pretrained music tagger.

Choi et al. 2017; thesis 5.4 and 6.4, rows 18 to 20. Each block: convolution 3 x 3 (same) with the tagger's weights
(`models/pretrained.py`) -> batch norm -> ELU -> max-pool, in the tagger's order. Its batch norms are replaced by
trainable ones, as in the thesis, whose parameter counts have one of one channel and four of 32. We read them as one
before each convolution, that is on the patch and after the first four; the output of the fifth is flattened. The pools
follow the thesis's parameter counts: the tagger's pools would reduce a short patch too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.dense import dense_tail, he_normal, hidden_layers, output_layer

CONVOLUTIONS = 5
CHANNELS = 32


@dataclass(frozen=True)
class ChoiConfig:
    """trainable: train the convolutions (rows 19 and 20), else row 18. pools: (mel, frame) of each block."""

    trainable: bool = False
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 2), (2, 2), (2, 1))
    dense: tuple[int, ...] = (1024, 1024, 512)
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if len(self.pools) != CONVOLUTIONS:
            raise ValueError(f"expected {CONVOLUTIONS} pools, one per convolution, found {len(self.pools)}")


class Choi(nn.Module):
    """(batch, 1, mel, frame) -> (batch, outputs). The flatten runs over channel, then mel, then frame."""

    def __init__(self, config: ChoiConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        self.input_norm = nn.BatchNorm2d(1)
        self.convolutions = nn.ModuleList()
        for before, channels in pairwise((1, *(CHANNELS,) * CONVOLUTIONS)):
            convolution = nn.Conv2d(before, channels, 3, padding=1)
            he_normal(convolution)
            self.convolutions.append(convolution)
        self.convolutions.requires_grad_(config.trainable)
        self.norms = nn.ModuleList(nn.BatchNorm2d(CHANNELS) for _ in range(CONVOLUTIONS - 1))
        for mel_pool, frame_pool in config.pools:
            mels, frames = mels // mel_pool, frames // frame_pool
        if not mels or not frames:
            raise UserError(f"the pools {config.pools} reduce a patch to nothing; choose smaller pools")
        self.hidden, width = hidden_layers(CHANNELS * mels * frames, config.dense)
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input_norm(x).contiguous(memory_format=torch.channels_last)
        for block, convolution in enumerate(self.convolutions):
            x = convolution(x)  # (batch, 32, mel, frame)
            x = self.norms[block](x) if block < len(self.norms) else x
            x = functional.elu(functional.max_pool2d(x, self.config.pools[block]))  # (.., mel / pool, frame / pool)
        x = x.flatten(1)  # (batch, 32 * mel * frame)
        return dense_tail(x, self.hidden, self.output, dropout=self.config.dropout, training=self.training)
