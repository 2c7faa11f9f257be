"""Dense layers with ELU: regression on histograms, vectors and embeddings (thesis rows 1, 2 and 22)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class DenseConfig:
    """layers: widths of the hidden layers. unit_length: divide the output by its length (for embeddings)."""

    layers: tuple[int, ...] = (1024, 1024, 512)
    dropout: float = 0.0
    unit_length: bool = False


class Dense(nn.Module):
    """(batch, inputs) -> (batch, outputs)."""

    def __init__(self, config: DenseConfig, *, inputs: int, outputs: int, zero_output: bool) -> None:
        super().__init__()
        self.config = config
        self.hidden, width = hidden_layers(inputs, config.layers)
        self.output = output_layer(width, outputs, zero=zero_output)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = functional.dropout(functional.elu(layer(x)), self.config.dropout, self.training)  # (batch, layer width)
        x = self.output(x)  # (batch, outputs)
        return functional.normalize(x) if self.config.unit_length else x


def dense_tail(
    x: Tensor,
    hidden: nn.ModuleList,
    output: nn.Module,
    *,
    dropout: float,
    training: bool,
    norms: nn.ModuleList | None = None,
) -> Tensor:
    """Apply the dense layers after a flatten: dropout, dense, optional batch norm, ELU; then dropout and output layer.

    (batch, flat) -> (batch, outputs)
    """
    for index, layer in enumerate(hidden):
        x = layer(functional.dropout(x, dropout, training))  # (batch, layer width)
        x = functional.elu(norms[index](x) if norms is not None else x)
    outputs: Tensor = output(functional.dropout(x, dropout, training))  # (batch, outputs)
    return outputs


def hidden_layers(inputs: int, widths: tuple[int, ...]) -> tuple[nn.ModuleList, int]:
    """Return He-normal linear layers with zero biases, and the width of the last one."""
    layers = nn.ModuleList()
    for width in widths:
        layer = nn.Linear(inputs, width)
        he_normal(layer)
        layers.append(layer)
        inputs = width
    return layers, inputs


def output_layer(inputs: int, outputs: int, *, zero: bool) -> nn.Linear:
    """Return the last linear layer, initialised with zeros or He-normal."""
    layer = nn.Linear(inputs, outputs)
    he_normal(layer)
    if zero:
        nn.init.zeros_(layer.weight)
    return layer


def he_normal(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> None:
    """Initialise weights as He et al. 2015, normal with variance 2 / fan-in, and biases with zero."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        with torch.no_grad():
            layer.bias.zero_()
