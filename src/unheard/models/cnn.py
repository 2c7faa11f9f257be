"""The 2-D CNN over mel patches (thesis figure 5.1, rows 3 to 8, 11 and 12), optimised for training on a CPU.

Each block: convolution 3 x 3 (same) -> batch norm -> ELU -> max-pool. ELU is monotonic, so the maximum can be taken
first: pool -> ELU gives the same result with a quarter (or an eighth) of the values. The first block, whose input has
one channel and whose output is by far the largest, is in `models/first_block.py`; CUDA has blocks of its own in
`models/pooled_block.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.dense import dense_tail, he_normal, hidden_layers, output_layer
from unheard.models.first_block import first_block
from unheard.models.pooled_block import first_pooled_block, pooled_block


@dataclass(frozen=True)
class CnnConfig:
    """channels and pools: one entry per block; a pool is (mel, frame). dense: widths of the dense layers.

    dense_norm  batch norm after each dense layer too (row 12)
    dropout     dropout before every dense layer; the thesis proposes it against the overfitting of row 12, untested
    """

    channels: tuple[int, ...] = (64, 64, 64)
    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 4), (2, 2))
    dense: tuple[int, ...] = (512,)
    batch_norm: bool = True
    dense_norm: bool = False
    average_time: bool = False
    dropout: float = 0.0
    unit_length: bool = False

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("expected at least one channel")
        if len(self.pools) != len(self.channels):
            raise ValueError(f"expected as many pools as channels, found {len(self.pools)} and {len(self.channels)}")


class Cnn(nn.Module):
    """(batch, 1, mel, frame) -> (batch, outputs).

    The flatten runs over channel, then mel, then frame (row-major), the order of thesis figure 5.1 in torch. With
    `average_time` the remaining frames are averaged before it.
    """

    def __init__(self, config: CnnConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        self.convolutions = nn.ModuleList()
        for before, channels in pairwise((1, *config.channels)):
            convolution = nn.Conv2d(before, channels, 3, padding=1)
            he_normal(convolution)
            self.convolutions.append(convolution)
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in config.channels) if config.batch_norm else None
        for mel_pool, frame_pool in config.pools:
            mels, frames = mels // mel_pool, frames // frame_pool
        if not mels or not frames:
            raise UserError(f"the pools {config.pools} reduce a patch to nothing; choose smaller pools")
        flat = config.channels[-1] * mels * (1 if config.average_time else frames)
        self.hidden, width = hidden_layers(flat, config.dense)
        self.dense_norms = nn.ModuleList(nn.BatchNorm1d(w) for w in config.dense) if config.dense_norm else None
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        for block in range(len(self.convolutions)):
            x = functional.elu(self._block(x, block))  # (batch, channels, mel / pool, frame / pool)
        if self.config.average_time:
            x = x.mean(dim=3, keepdim=True)  # (batch, channels, mel, 1)
        x = x.flatten(1)  # (batch, channels * mel * frame)
        x = dense_tail(
            x,
            self.hidden,
            self.output,
            dropout=self.config.dropout,
            training=self.training,
            norms=self.dense_norms,
        )
        return functional.normalize(x) if self.config.unit_length else x

    def _block(self, x: Tensor, block: int) -> Tensor:
        """Apply convolution, batch norm and max-pool, without the activation."""
        convolution, pool = self.convolutions[block], self.config.pools[block]
        assert isinstance(convolution, nn.Conv2d)
        norm = self.norms[block] if self.norms is not None else None
        assert norm is None or isinstance(norm, nn.BatchNorm2d)
        if x.is_cuda:
            return (first_pooled_block if block == 0 else pooled_block)(x, convolution, norm, pool)
        if block == 0:
            return first_block(x, convolution, norm, pool)
        x = convolution(x)
        return functional.max_pool2d(norm(x) if norm is not None else x, pool)
