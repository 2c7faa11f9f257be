"""The blocks for CUDA, computed on the CPU, against convolution, batch norm and max-pool in the usual order."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.pooled_block import first_pooled_block, pooled_block


def made(channels: int, *, batch_norm: bool) -> tuple[nn.Conv2d, nn.BatchNorm2d | None]:
    torch.manual_seed(3)
    convolution = nn.Conv2d(channels, 6, 3, padding=1)
    norm = nn.BatchNorm2d(6) if batch_norm else None
    if norm is not None:
        nn.init.uniform_(norm.weight, -1.0, 1.0)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    return convolution, norm


def plain(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d | None, pool: tuple[int, int]) -> Tensor:
    y = convolution(x)
    return functional.max_pool2d(norm(y) if norm is not None else y, pool)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("pool", [(2, 2), (2, 4), (1, 3), (3, 1)])
@pytest.mark.parametrize("channels", [1, 5])
def test_outputs_gradients_and_running_statistics_are_those_of_the_usual_order(
    channels: int, pool: tuple[int, int], *, batch_norm: bool, training: bool
) -> None:
    ours, usual = made(channels, batch_norm=batch_norm), made(channels, batch_norm=batch_norm)
    x = torch.randn(3, channels, 13, 24)  # 13 mel bands do not divide by 2 or 3
    x[0] += 4.0
    for size in (13, 12):
        cut = x[:, :, :size]
        given = cut.clone().requires_grad_(channels > 1), cut.clone().requires_grad_(channels > 1)
        results = []
        for (convolution, norm), data, function in (
            (ours, given[0], first_pooled_block if channels == 1 else pooled_block),
            (usual, given[1], plain),
        ):
            if norm is not None:
                norm.train(training)
            out = function(data, convolution, norm, pool)
            (out * torch.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
            gradients = [weight.grad for weight in convolution.parameters()]
            gradients += [weight.grad for weight in norm.parameters()] if norm is not None else []
            gradients += [data.grad] if channels > 1 else []
            state = [*norm.buffers()] if norm is not None else []
            results.append([out, *gradients, *(value.float() for value in copy.deepcopy(state))])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


def test_statistics_hold_under_bfloat16_where_a_kernel_cancels_the_mean() -> None:
    """A kernel that sums to zero over numbers far from zero: rounding their products would decide its variance."""
    torch.manual_seed(0)
    convolution, norm = made(1, batch_norm=True)
    with torch.no_grad():
        convolution.weight -= convolution.weight.mean(dim=(2, 3), keepdim=True)
    x = 3.0 + 0.1 * torch.randn(4, 1, 16, 32)
    with torch.autocast("cpu", torch.bfloat16):
        first_pooled_block(x, convolution, norm, (2, 2))
    assert norm is not None
    inner = functional.conv2d(x.bfloat16().float(), convolution.weight, convolution.bias, padding=1)
    wanted = torch.var(inner, dim=(0, 2, 3)) * norm.momentum + 0.9  # type: ignore[operator]
    torch.testing.assert_close(norm.running_var, wanted, rtol=1e-4, atol=1e-5)
