"""The compact encoder: residual 1-D convolutions with mel bands as channels, pooled over time and patches.

A patch is summarised by mean, deviation and maximum over its frames (Dieleman 2014), which do not depend on time.
Several patches of a track are one bag (multiple-instance learning): gated attention weights them (Ilse, Tomczak &
Welling 2018, eq. 8 and 9), so that an intro can get a low weight. For a bag of one patch the attention is the identity.
Networks of this kind predict playlists well when trained by triplets (Pretet et al. 2020).

    z = sum_k a_k h_k,  a = softmax_k(w^T (tanh(V h_k) * sigmoid(U h_k)))

In training, SpecAugment (Park et al. 2019) replaces some frames and some mel bands by the train mean, which is 0 after
the input layer. They are drawn from torch's generator, which training seeds for every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.cnn1d import moments
from unheard.models.dense import dense_tail, he_normal, hidden_layers, output_layer

STEM_WIDTH = 5
WIDTH = 3


@dataclass(frozen=True)
class EncoderConfig:
    """channels: of the stem, then of each residual block; each halves the frames. attention: number of hidden units.

    time_masks, mel_masks    number of masks in each patch, in training only
    mask_frames, mask_bands  maximal length of a mask
    """

    summary: ClassVar[str] = "moments"  # so the input may have any length

    channels: tuple[int, ...] = (128, 128, 192, 256)
    attention: int = 64
    dense: tuple[int, ...] = (256,)
    dropout: float = 0.0
    time_masks: int = 0
    mask_frames: int = 32
    mel_masks: int = 0
    mask_bands: int = 16
    unit_length: bool = False

    def __post_init__(self) -> None:
        if len(self.channels) < 2:
            raise ValueError(f"channels: expected at least two, found {len(self.channels)}")


class Encoder(nn.Module):
    """(batch, patch, mel, frame) -> (batch, outputs)."""

    def __init__(self, config: EncoderConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        if frames < 2 ** len(config.channels):
            raise UserError(f"{len(config.channels)} channels halve {frames} frames to nothing; choose fewer channels")
        self.config = config
        stem, *_ = config.channels
        self.stem = _convolution(mels, stem, STEM_WIDTH, stride=2)
        self.stem_norm = nn.BatchNorm2d(stem)
        self.blocks = nn.ModuleList(Residual(before, after) for before, after in pairwise(config.channels))
        self.attention = GatedAttention(3 * config.channels[-1], config.attention)
        self.hidden, width = hidden_layers(3 * config.channels[-1], config.dense)
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        config = self.config
        batch, patches, mels, frames = x.shape
        x = x.reshape(batch * patches, mels, frames)
        if self.training:
            x = masked(x, config.mel_masks, config.mask_bands, axis=1)
            x = masked(x, config.time_masks, config.mask_frames, axis=2)
        x = x.unsqueeze(2).contiguous(memory_format=torch.channels_last)  # (batch * patch, mel, 1, frame)
        x = functional.relu(self.stem_norm(self.stem(x)))  # (batch * patch, channels, 1, frame / 2)
        for block in self.blocks:
            x = functional.max_pool2d(block(x), (1, 2))  # half the frames, each time
        x = moments(x.squeeze(2)).reshape(batch, patches, -1)  # (batch, patch, 3 * channels)
        x = self.attention(x)  # (batch, 3 * channels)
        x = dense_tail(x, self.hidden, self.output, dropout=config.dropout, training=self.training)
        return functional.normalize(x) if config.unit_length else x


class Residual(nn.Module):
    """Two convolutions with a skip connection (He et al. 2016), which is a 1 x 1 convolution if channels change."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(before, after, WIDTH), _convolution(after, after, WIDTH)
        self.first_norm, self.second_norm = nn.BatchNorm2d(after), nn.BatchNorm2d(after)
        self.past = _convolution(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return functional.relu(self.past(x) + y)


class GatedAttention(nn.Module):
    """(batch, patch, width) -> (batch, width): the weighted mean of the equation above."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.V, self.U, self.w = nn.Linear(width, units), nn.Linear(width, units), nn.Linear(units, 1, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        if h.shape[1] == 1:
            return h[:, 0]
        a = torch.softmax(self.w(torch.tanh(self.V(h)) * torch.sigmoid(self.U(h))), dim=1)  # (batch, patch, 1)
        return (a * h).sum(dim=1)


def masked(x: Tensor, n: int, longest: int, *, axis: int) -> Tensor:
    """Return `x` with n masks in each row zeroed along an axis, 0 to `longest` long (Park et al. 2019, section 2)."""
    if not n:
        return x
    size = x.shape[axis]
    length = torch.floor(torch.rand(len(x), n, 1, device=x.device) * (min(longest, size) + 1))  # (row, mask, 1)
    first = torch.floor(torch.rand(len(x), n, 1, device=x.device) * (size - length + 1))
    position = torch.arange(size, device=x.device)
    mask = ((position >= first) & (position < first + length)).any(dim=1)  # (row, position)
    shape = [len(x)] + [1] * (x.ndim - 1)
    shape[axis] = size
    return x.masked_fill(mask.reshape(shape), 0.0)


def _convolution(before: int, after: int, width: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a 1-D convolution as a 2-D one; without bias, because batch norms follow."""
    layer = nn.Conv2d(before, after, (1, width), (1, stride), padding=(0, width // 2), bias=False)
    he_normal(layer)
    return layer
