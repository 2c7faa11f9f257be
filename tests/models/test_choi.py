"""Tests of the pretrained music tagger: its counts, its order of layers, and which weights are trained in which row."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from unheard.errors import UserError
from unheard.models.choi import Choi, ChoiConfig
from unheard.models.networks import build, count_trainable


@pytest.mark.parametrize(
    ("trainable", "frames", "weights"), [(False, 256, 3_775_434), (True, 256, 3_812_746), (True, 2560, 22_687_114)]
)
def test_published_counts(*, trainable: bool, frames: int, weights: int) -> None:
    """Thesis rows 18, 19 and 20."""
    with torch.device("meta"):
        network = build(ChoiConfig(trainable=trainable), input_shape=(128, frames), outputs=200, zero_output=True)
    assert count_trainable(network) == weights


def small(*, trainable: bool = False) -> Choi:
    torch.manual_seed(0)
    config = ChoiConfig(trainable=trainable, dense=(4,))
    return Choi(config, mels=32, frames=35, outputs=3, zero_output=False)


def test_forward_is_the_tagger_with_new_batch_norms() -> None:
    """Convolution, batch norm (not the last), ELU, pool: as in the tagger; ours pools first, which is the same."""
    network = small()
    x = torch.randn(3, 1, 32, 35, generator=torch.Generator().manual_seed(1))
    y = functional.batch_norm(x, None, None, training=True)
    for block, convolution in enumerate(network.convolutions):
        weight, bias = (convolution.get_parameter(name) for name in ("weight", "bias"))
        y = functional.conv2d(y, weight, bias, padding=1)
        y = functional.batch_norm(y, None, None, training=True) if block < 4 else y
        y = functional.max_pool2d(functional.elu(y), (2, 1) if block == 4 else (2, 2))
    assert y.shape == (3, 32, 1, 2)
    y = functional.elu(network.hidden[0](y.flatten(1)))
    torch.testing.assert_close(network(x), network.output(y), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("trainable", [True, False])
def test_which_weights_are_trained(*, trainable: bool) -> None:
    network = small(trainable=trainable)
    network(torch.randn(2, 1, 32, 35)).square().sum().backward()
    learns = {name for name, weight in network.named_parameters() if weight.grad is not None}
    fixed = {name for name, _ in network.named_parameters() if name.startswith("convolutions.")}
    assert len(fixed) == 10
    assert learns == {name for name, _ in network.named_parameters()} - (set() if trainable else fixed)


def test_bf16_stays_near_float32() -> None:
    network = small().eval()
    x = torch.randn(4, 1, 32, 35, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        exact = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(x).float()
    assert float((rounded - exact).norm() / exact.norm()) < 0.1


def test_impossible_pools() -> None:
    with pytest.raises(ValueError, match="expected 5 pools"):
        ChoiConfig(pools=((2, 2),))
    with pytest.raises(UserError, match="reduce a patch to nothing"):
        Choi(ChoiConfig(), mels=31, frames=256, outputs=2, zero_output=True)
