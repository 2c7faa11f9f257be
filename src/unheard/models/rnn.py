"""Stacked LSTMs over the frames of a patch (thesis rows 13 to 15; Hochreiter & Schmidhuber 1997).

The thesis' text has two LSTMs of 64 and 128 units and two dense layers; its parameter counts only fit three LSTMs of
64, each with the two bias vectors of cuDNN and followed by a batch norm, a batch norm over the one input channel before
them, and dense layers of 1024, 1024, 512. We follow the counts. Input weights are He-normal, recurrent ones orthogonal,
the bias of the forget gate is 1 (Jozefowicz et al. 2015).

With the summary "moments" the input may have any length, so the network can read a whole song at once, an experiment
for which the thesis had too little memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.cnn1d import moments
from unheard.models.dense import dense_tail, hidden_layers, output_layer


@dataclass(frozen=True)
class RnnConfig:
    """layers: units of each LSTM. summary: flatten all frames, or their mean, deviation and maximum."""

    layers: tuple[int, ...] = (64, 64, 64)
    dense: tuple[int, ...] = (1024, 1024, 512)
    summary: Literal["flatten", "moments"] = "flatten"
    dropout: float = 0.0
    unit_length: bool = False

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("expected at least one layer")


class Rnn(nn.Module):
    """(batch, 1, mel, frame) -> (batch, outputs). The flatten runs over frame, then unit."""

    def __init__(self, config: RnnConfig, *, mels: int, frames: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        self.channel_norm = nn.BatchNorm2d(1)
        self.recurrent, self.norms = nn.ModuleList(), nn.ModuleList()
        width = mels
        for units in config.layers:
            self.recurrent.append(_lstm(width, units))
            self.norms.append(nn.BatchNorm1d(units))
            width = units
        self.hidden, width = hidden_layers(width * (frames if config.summary == "flatten" else 3), config.dense)
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        x = self.channel_norm(x).squeeze(1).transpose(1, 2)  # (batch, frame, mel)
        for lstm, norm in zip(self.recurrent, self.norms, strict=True):
            x, _ = lstm(x)  # (batch, frame, units)
            x = norm(x.flatten(0, 1)).view(x.shape)  # the same statistics without two transposed copies
        x = x.flatten(1) if self.config.summary == "flatten" else moments(x.transpose(1, 2))  # (batch, flat)
        x = dense_tail(x, self.hidden, self.output, dropout=self.config.dropout, training=self.training)
        return functional.normalize(x) if self.config.unit_length else x


def _lstm(width: int, units: int) -> nn.LSTM:
    lstm = nn.LSTM(width, units, batch_first=True)
    input_weight, recurrent_weight, *biases = lstm.parameters()
    with torch.no_grad():
        nn.init.kaiming_normal_(input_weight, nonlinearity="relu")
        for gate in recurrent_weight.chunk(4):
            nn.init.orthogonal_(gate)
        for bias in biases:
            bias.zero_()
        biases[0][units : 2 * units].fill_(1.0)  # gates: input, forget, cell, output
    return lstm
