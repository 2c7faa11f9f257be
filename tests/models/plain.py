"""Straightforward implementations of the networks on the same weights, as the reference for the fast ones."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from unheard.models.cnn import Cnn


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
