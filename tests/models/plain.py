"""Straightforward implementations of the networks on the same weights, as the reference for the fast ones."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from unheard.models.cnn import Cnn
from unheard.models.cnn1d import Cnn1d, moments
from unheard.models.rnn import Rnn


def plain_cnn(network: Cnn, x: Tensor) -> Tensor:
    """Convolution -> batch norm -> ELU -> max-pool, three times; flatten; dense: (batch, 1, mel, frame) -> outputs."""
    for block, convolution in enumerate(network.convolutions):
        x = convolution(x)
        if network.norms is not None:
            x = network.norms[block](x)
        x = functional.max_pool2d(functional.elu(x), network.config.pools[block])
    if network.config.average_time:
        x = x.mean(dim=3)
    x = x.flatten(1)
    for layer in network.hidden:
        x = functional.elu(layer(x))
    x = network.output(x)
    return functional.normalize(x) if network.config.unit_length else x


def plain_rnn(network: Rnn, x: Tensor) -> Tensor:
    """Batch norm of the input; LSTM and batch norm over units, some times; flatten; dense: (batch, 1, mel, frame)."""
    x = network.channel_norm(x).squeeze(1).transpose(1, 2)
    for lstm, norm in zip(network.recurrent, network.norms, strict=True):
        x = norm(lstm(x)[0].transpose(1, 2)).transpose(1, 2)  # (batch, frame, units)
    x = x.flatten(1)
    for layer in network.hidden:
        x = functional.elu(layer(x))
    output: Tensor = network.output(x)
    return output


def plain_cnn1d(network: Cnn1d, x: Tensor) -> Tensor:
    """Convolution along the frames -> batch norm -> ELU -> max-pool, some times; moments; dense."""
    config = network.config
    x = x.squeeze(1)  # (batch, mel, frame)
    for convolution, norm, pool in zip(network.convolutions, network.norms or [], config.pools, strict=True):
        assert isinstance(convolution, nn.Conv2d)
        padded = functional.pad(x, ((config.width - 1) // 2, config.width // 2))
        x = functional.conv1d(padded, convolution.weight.squeeze(2), convolution.bias)
        x = functional.max_pool1d(functional.elu(norm(x[:, :, None]).squeeze(2)), pool)
    x = moments(x)
    for layer in network.hidden:
        x = functional.elu(layer(x))
    x = network.output(x)
    return functional.normalize(x) if config.unit_length else x


def signs_mixed(network: Cnn) -> None:
    """Give batch norms weights and biases of both signs, and running statistics that are not 0 and 1."""
    for norm in network.norms or []:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        nn.init.uniform_(norm.weight, -1.0, 1.0)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2.0)
