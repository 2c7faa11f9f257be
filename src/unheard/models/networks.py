"""Build a network from its configuration. A new family is one file in this folder, a table name and a line below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from unheard.models.choi import Choi, ChoiConfig
from unheard.models.cnn import Cnn, CnnConfig
from unheard.models.cnn1d import Cnn1d, Cnn1dConfig
from unheard.models.dense import Dense, DenseConfig
from unheard.models.encoder import Encoder, EncoderConfig
from unheard.models.rnn import Rnn, RnnConfig
from unheard.models.xception import Xception, XceptionConfig

NetworkConfig = CnnConfig | Cnn1dConfig | RnnConfig | XceptionConfig | ChoiConfig | EncoderConfig | DenseConfig

# The name of each family's table in a recipe.
NETWORK_TABLES: Mapping[str, type[Any]] = {
    "cnn": CnnConfig,
    "cnn1d": Cnn1dConfig,
    "rnn": RnnConfig,
    "xception": XceptionConfig,
    "choi": ChoiConfig,
    "encoder": EncoderConfig,
    "dense": DenseConfig,
}
OVER_PATCHES: Mapping[type[Any], Callable[..., nn.Module]] = {
    CnnConfig: Cnn,
    Cnn1dConfig: Cnn1d,
    RnnConfig: Rnn,
    XceptionConfig: Xception,
    ChoiConfig: Choi,
    EncoderConfig: Encoder,
}


def build(config: NetworkConfig, *, input_shape: tuple[int, ...], outputs: int, zero_output: bool) -> nn.Module:
    """Return the network of a configuration, initialised from torch's global generator.

    input_shape   of one item: (mel, frame) for a patch, (width,) for a vector
    outputs       width of the output
    zero_output   zero the output layer, so that a regression starts at the mean target. Not for embeddings: all
                  distances would be 0 and so would the gradient of a triplet loss.
    """
    if isinstance(config, DenseConfig):
        (width,) = input_shape
        return Dense(config, inputs=width, outputs=outputs, zero_output=zero_output)
    mels, frames = input_shape
    return OVER_PATCHES[type(config)](config, mels=mels, frames=frames, outputs=outputs, zero_output=zero_output)


def count_trainable(network: nn.Module) -> int:
    """Return the number of trainable weights."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
