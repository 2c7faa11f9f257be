"""Xception as a feature extractor for mel patches (Chollet 2017; thesis 5.4 and 6.4, rows 16 and 17).

The network up to `block11_sepconv3_bn`, with weights trained on ImageNet (`models/pretrained.py`), then one convolution
and dense layers that are trained here. A fixed convolution 1 x 1 with random weights maps one channel to three, as in
the thesis, which also omits the scaling to [-1, 1] that the network was trained with. The thesis names two
convolutional layers after the backbone; its parameter counts have one, and so has this network.

The geometry follows Keras: its batch norm adds 1e-3 to the variance, and its pooling with stride two pads an even
length at the end only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.dense import dense_tail, he_normal, hidden_layers, output_layer

EPSILON = 1e-3
MOMENTUM = 0.01  # Keras writes it as 0.99


@dataclass(frozen=True)
class XceptionConfig:
    """channels: of the convolution after the backbone. trainable: train the backbone (row 17), else row 16."""

    channels: int = 32
    dense: tuple[int, ...] = (1024, 1024, 512)
    trainable: bool = False
    dropout: float = 0.0


class Xception(nn.Module):
    """(batch, 1, mel, frame) -> (batch, outputs). The flatten runs over channel, then mel, then frame."""

    def __init__(self, config: XceptionConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        self.colours = nn.Conv2d(1, 3, 1, bias=False)
        he_normal(self.colours)
        self.colours.requires_grad_(requires_grad=False)
        self.backbone = Backbone()
        self.backbone.requires_grad_(config.trainable)
        self.convolution = nn.Conv2d(728, config.channels, 3, padding=1)
        he_normal(self.convolution)
        self.norm = nn.BatchNorm2d(config.channels)
        flat = config.channels * _length_behind(mels) * _length_behind(frames)
        self.hidden, width = hidden_layers(flat, config.dense)
        self.output = output_layer(width, outputs, zero=zero_output)
        self.train()

    def train(self, mode: bool = True) -> Xception:  # noqa: FBT001, FBT002 - torch's signature
        """Set the mode, except that a fixed backbone always uses its stored statistics."""
        super().train(mode)
        self.backbone.train(mode and self.config.trainable)
        return self

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(self.config.trainable and torch.is_grad_enabled()):
            x = self.backbone(self.colours(x))  # (batch, 728, mel / 16, frame / 16)
        x = functional.elu(self.norm(self.convolution(x)))  # (batch, channels, mel / 16, frame / 16)
        x = x.flatten(1)  # (batch, channels * mel / 16 * frame / 16)
        return dense_tail(x, self.hidden, self.output, dropout=self.config.dropout, training=self.training)


class Backbone(nn.Sequential):
    """Entry and middle flow (Chollet 2017, figure 5): (batch, 3, mel, frame) -> (batch, 728, mel / 16, frame / 16).

    The last block stops at its third batch norm, before its shortcut is added.
    """

    def __init__(self) -> None:
        middle = OrderedDict((f"block{i}", MiddleBlock(728, shortcut=i < 11)) for i in range(5, 12))
        super().__init__(
            OrderedDict(
                block1=FirstBlock(),
                block2=EntryBlock(64, 128, relu_first=False),
                block3=EntryBlock(128, 256),
                block4=EntryBlock(256, 728),
                **middle,
            )
        )


class FirstBlock(nn.Module):
    """Two convolutions without padding, the first with stride two."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 32, 3, stride=2)
        self.conv2 = Convolution(32, 64, 3)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.conv2(functional.relu(self.conv1(x))))


class EntryBlock(nn.Module):
    """Two separable convolutions and a max-pool, added to a convolution 1 x 1 with stride two."""

    def __init__(self, before: int, channels: int, *, relu_first: bool = True) -> None:
        super().__init__()
        self.relu_first = relu_first
        self.sepconv1 = SeparableConvolution(before, channels)
        self.sepconv2 = SeparableConvolution(channels, channels)
        self.shortcut = Convolution(before, channels, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.sepconv1(functional.relu(x) if self.relu_first else x)
        y = self.sepconv2(functional.relu(y))
        sum_of_both: Tensor = halve(y) + self.shortcut(x)
        return sum_of_both


class MiddleBlock(nn.Module):
    """Three separable convolutions."""

    def __init__(self, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.sepconv1 = SeparableConvolution(channels, channels)
        self.sepconv2 = SeparableConvolution(channels, channels)
        self.sepconv3 = SeparableConvolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.sepconv1(functional.relu(x))
        y = self.sepconv2(functional.relu(y))
        y = self.sepconv3(functional.relu(y))
        return x.add(y) if self.shortcut else y


class Convolution(nn.Module):
    """A convolution without padding and bias, followed by batch norm."""

    def __init__(self, before: int, channels: int, size: int, *, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, channels, size, stride=stride, bias=False)
        he_normal(self.convolution)
        self.norm = nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x))
        return normed


class SeparableConvolution(nn.Module):
    """A depthwise convolution 3 x 3, a pointwise convolution and batch norm."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, channels, 1, bias=False)
        he_normal(self.depthwise)
        he_normal(self.pointwise)
        self.norm = nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.pointwise(self.depthwise(x)))
        return normed


def halve(x: Tensor) -> Tensor:
    """Max-pool 3 x 3 with stride two and TensorFlow's padding, which pads an even length at the end only.

    (batch, channels, mel, frame) -> (batch, channels, ceil(mel / 2), ceil(frame / 2))
    """
    padding = (x.shape[2] % 2, x.shape[3] % 2)
    return functional.max_pool2d(x, 3, stride=2, padding=padding, ceil_mode=True)


def _length_behind(n: int) -> int:
    """Return the length of the backbone's output for n mel bands or frames."""
    n = (n - 3) // 2 + 1 - 2
    if n < 1:
        raise UserError(f"Xception needs patches of 7 mel bands and 7 frames or more, found {2 * n + 5} of one")
    return -(-n // 8)
