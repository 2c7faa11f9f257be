"""Compute convolution 3 x 3 of ONE channel, batch norm and max-pool without storing the convolution's output.

At 64 x 128 x 256 that output has 8 MB for each patch, and writing, normalising, pooling and differentiating it takes
most of a training step on a CPU. Three identities avoid it; the result is the same up to rounding:

1. Batch norm is y -> s y + t for each channel. If s >= 0, max(s y + t) = s max(y) + t: pool first, then scale a quarter
   of the values. If s < 0, convolve with -w and -b instead and scale by -s.
2. A channel's output is w . n + b for the nine-number neighbourhood n of a position. Its mean and variance over all
   positions are w . E[n] + b and w' Cov[n] w, which need only nine sums and 81 products of the input.
3. So convolution and pool are one step, computed for a few patches at a time inside the cache, and computed again in
   the backward pass instead of being stored.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.synced_norm import summed

PATCHES_IN_CACHE = 2


def first_block(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d | None, pool: tuple[int, int]) -> Tensor:
    """Return pool(norm(convolution(x))): (batch, 1, mel, frame) -> (batch, channels, mel / pool, frame / pool).

    Runs in bfloat16 under autocast, with the statistics in float32. Running statistics are updated while training.
    """
    weight, bias = convolution.weight, convolution.bias
    assert bias is not None
    if norm is None:
        return _convolve_and_pool(x, weight, bias, pool)
    if norm.training:
        mean, variance = output_statistics(x, weight, bias)  # (channels,) each
        count = int(summed(torch.tensor(float(x.numel()), device=x.device)))
        update_running(norm, mean.detach(), variance.detach(), count=count)
    else:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
    scale = norm.weight * torch.rsqrt(variance + norm.eps)  # (channels,)
    shift = norm.bias - mean * scale
    sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
    pooled = _convolve_and_pool(x, weight * sign[:, None, None, None], bias * sign, pool)
    return torch.addcmul(shift[:, None, None].to(pooled.dtype), pooled, (scale * sign)[:, None, None].to(pooled.dtype))


def output_statistics(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and (biased) variance of each channel of the 3 x 3 convolution of x, from the input's moments."""
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        total = torch.zeros(9, dtype=torch.float64, device=x.device)
        products = torch.zeros(9, 9, dtype=torch.float64, device=x.device)
        for part in torch.split(x.float(), PATCHES_IN_CACHE):
            n = functional.unfold(part, 3, padding=1).transpose(0, 1).reshape(9, -1)  # (9, positions)
            total += n.sum(1)
            products += n @ n.T
        count = summed(torch.tensor(float(x.numel()), dtype=torch.float64, device=x.device))
        mean_n = summed(total) / count
        covariance = summed(products) / count - torch.outer(mean_n, mean_n)
    w = weight.reshape(-1, 9).double()  # (channels, 9)
    return (w @ mean_n + bias).float(), ((w @ covariance) * w).sum(1).clamp(min=0).float()


def update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, *, count: int) -> None:
    """Update the buffers as nn.BatchNorm2d does: an exponential mean, of the unbiased variance."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / max(1, count - 1)), norm.momentum)


def _convolve_and_pool(x: Tensor, weight: Tensor, bias: Tensor, pool: tuple[int, int]) -> Tensor:
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    weight = weight.to(dtype, memory_format=torch.channels_last)
    if torch.compiler.is_exporting():  # parts would fix the number of patches of the exported graph
        return functional.max_pool2d(functional.conv2d(x.to(dtype), weight, bias.to(dtype), padding=1), pool)
    pooled: Tensor = _ConvolvePool.apply(x.to(dtype), weight, bias.to(dtype), pool)  # type: ignore[no-untyped-call]
    return pooled


class _ConvolvePool(torch.autograd.Function):
    """max_pool2d(conv2d(x)); the input is data and gets no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, pool: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.pool = pool
        parts = torch.split(x, PATCHES_IN_CACHE)
        return torch.cat(
            [functional.max_pool2d(functional.conv2d(part, weight, bias, padding=1), pool) for part in parts]
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, Tensor, None]:
        x, weight, bias = ctx.saved_tensors
        ops, pool = torch.ops.aten, ctx.pool
        d_weight = torch.zeros_like(weight, dtype=torch.float32)
        d_bias = torch.zeros_like(bias, dtype=torch.float32)
        for part, grad in zip(torch.split(x, PATCHES_IN_CACHE), torch.split(grads[0], PATCHES_IN_CACHE), strict=True):
            y = functional.conv2d(part, weight, bias, padding=1)
            _, taken = ops.max_pool2d_with_indices(y, pool, pool)
            dy = ops.max_pool2d_with_indices_backward(
                grad, y, pool, pool, padding=(0, 0), dilation=(1, 1), ceil_mode=False, indices=taken
            )
            _, dw, db = ops.convolution_backward(
                dy,
                part,
                weight,
                [len(bias)],
                stride=(1, 1),
                padding=(1, 1),
                dilation=(1, 1),
                transposed=False,
                output_padding=(0, 0),
                groups=1,
                output_mask=(False, True, True),
            )
            d_weight += dw
            d_bias += db
        return None, d_weight.to(weight.dtype), d_bias.to(bias.dtype), None
