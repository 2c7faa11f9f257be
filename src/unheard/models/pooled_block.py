"""Convolution, batch norm and max-pool on CUDA, arranged so that few bytes move.

A GPU multiplies matrices far faster than it reads memory, and the largest values of a step are the convolutions'
outputs. Two rearrangements read and write them less often; the results are the same up to rounding:

1. Batch norm is y -> s y + t for each channel, so max(s y + t) = |s| max(sign(s) y) + t: the maximum is taken first and
   a small part of the values is scaled (as `models/first_block.py` does on a CPU).
2. A convolution of ONE channel, pooled by (a, b), is a matrix product: the (a + 2) x (b + 2) numbers around each pooled
   position, times a matrix whose columns are the a b positions of the kernel in there. No copy is larger than the
   pooled output, and the mean and variance of its outputs follow from the moments of those numbers.

Everything is plain torch, so `torch.compile` can fuse what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from unheard.models.first_block import update_running

MOMENT_ROWS = 1024  # positions whose products are summed in float32 at once


def pooled_block(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d | None, pool: tuple[int, int]) -> Tensor:
    """Return pool(norm(convolution(x))): (batch, n, mel, frame) -> (batch, channels, mel / pool, frame / pool)."""
    y = functional.conv2d(x, convolution.weight, convolution.bias, padding=1)
    if norm is None:
        return _maximum(y, pool)
    sign = _sign(norm)
    pooled = _maximum(y * sign[:, None, None].to(y.dtype), pool)
    if norm.training:
        variance, mean = torch.var_mean(y.float(), dim=(0, 2, 3), correction=0)
        update_running(norm, mean.detach(), variance.detach(), count=y.numel() // y.shape[1])
    else:
        mean, variance = _running(norm)
    return _scaled(pooled, norm, sign, mean, variance)


def first_pooled_block(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d | None, pool: tuple[int, int]) -> Tensor:
    """The same for one channel, (batch, 1, mel, frame), which is data and gets no gradient."""
    bias = convolution.bias
    assert bias is not None
    if x.shape[2] % pool[0] or x.shape[3] % pool[1]:
        return pooled_block(x, convolution, norm, pool)  # positions that are not pooled count in batch norm
    device = x.device.type
    if torch.is_autocast_enabled(device):
        x = x.to(torch.get_autocast_dtype(device))
    rows = neighbourhoods(x, pool)  # (batch, mel / pool, frame / pool, (a + 2) (b + 2))
    if norm is None:
        return _products(rows, convolution.weight, pool, bias)
    sign = _sign(norm)
    pooled = _products(rows, convolution.weight * sign[:, None, None, None], pool, bias * sign)
    if norm.training:
        mean, variance = pooled_statistics(rows, convolution.weight, bias, pool)
        count = rows.shape[:3].numel() * pool[0] * pool[1]
        update_running(norm, mean.detach(), variance.detach(), count=count)
    else:
        mean, variance = _running(norm)
    return _scaled(pooled, norm, sign, mean, variance)


def neighbourhoods(x: Tensor, pool: tuple[int, int]) -> Tensor:
    """Return the numbers that decide each pooled position, (batch, mel / pool, frame / pool, (a + 2) (b + 2))."""
    a, b = pool
    padded = functional.pad(x[:, 0], (1, 1, 1, 1))
    windows = padded.unfold(1, a + 2, a).unfold(2, b + 2, b)  # (batch, mel / a, frame / b, a + 2, b + 2)
    return windows.flatten(3)


def pooled_statistics(rows: Tensor, weight: Tensor, bias: Tensor, pool: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return mean and (biased) variance of each channel over all positions that are pooled, (channels,) each.

    rows    `neighbourhoods`
    weight  (channels, 1, 3, 3); gradients reach it, and no gradient reaches `rows`
    """
    a, b = pool
    with torch.no_grad(), torch.autocast(rows.device.type, enabled=False):
        flat = rows.reshape(-1, rows.shape[-1]).float()
        flat = functional.pad(flat, (0, 0, 0, -len(flat) % MOMENT_ROWS)).reshape(-1, MOMENT_ROWS, rows.shape[-1])
        products = torch.bmm(flat.transpose(1, 2), flat).sum(0, dtype=torch.float64)  # (k, k)
        total = flat.sum(1).sum(0, dtype=torch.float64)  # (k,)
        # The nine numbers under the kernel at each of the a b positions, as rows of the neighbourhood.
        grid = torch.arange(rows.shape[-1], device=rows.device).reshape(a + 2, b + 2)
        under = grid.unfold(0, 3, 1).unfold(1, 3, 1).reshape(a * b, 9)
        count = rows.shape[:3].numel() * a * b
        mean_n = total[under].sum(0) / count  # (9,)
        covariance = products[under[:, :, None], under[:, None, :]].sum(0) / count - torch.outer(mean_n, mean_n)
    w = weight.reshape(-1, 9).double()
    return (w @ mean_n + bias).float(), ((w @ covariance) * w).sum(1).clamp(min=0).float()


def _products(rows: Tensor, weight: Tensor, pool: tuple[int, int], bias: Tensor) -> Tensor:
    """Return the maximum over each pool of the convolution, (batch, channels, mel / pool, frame / pool)."""
    a, b = pool
    kernel = weight[:, 0]  # (channels, 3, 3)
    placed = [functional.pad(kernel, (j, b - 1 - j, i, a - 1 - i)) for i in range(a) for j in range(b)]
    matrix = torch.stack(placed).flatten(0, 1).flatten(1)  # (a b channels, (a + 2) (b + 2))
    y = functional.linear(rows, matrix.to(rows.dtype)).reshape(*rows.shape[:3], a * b, len(kernel))
    return (_largest(y.unbind(-2)) + bias.to(y.dtype)).permute(0, 3, 1, 2)


def _maximum(y: Tensor, pool: tuple[int, int]) -> Tensor:
    """Max-pool of (batch, channels, mel, frame) without overlap; gradients of equal values are shared between them."""
    a, b = pool
    high, wide = y.shape[2] // a, y.shape[3] // b
    last = y.permute(0, 2, 3, 1)[:, : high * a, : wide * b]  # as it lies in memory, where channels come last
    pools = last.reshape(len(y), high, a, wide, b, y.shape[1])
    return _largest([pools[:, :, i, :, j] for i in range(a) for j in range(b)]).permute(0, 3, 1, 2)


def _largest(values: Sequence[Tensor]) -> Tensor:
    """Return the elementwise maximum; unlike that of `amax`, its gradient needs no pass that counts equal values."""
    return reduce(torch.maximum, values)


def _sign(norm: nn.BatchNorm2d) -> Tensor:
    return torch.where(norm.weight.detach() < 0, -1.0, 1.0)


def _running(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


def _scaled(pooled: Tensor, norm: nn.BatchNorm2d, sign: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Apply batch norm to maxima of sign * y, in float32."""
    scale = norm.weight * torch.rsqrt(variance + norm.eps)  # (channels,)
    shift = norm.bias - mean * scale
    normalised = torch.addcmul(shift[:, None, None], pooled.float(), (scale * sign)[:, None, None])
    return normalised.to(pooled.dtype)
