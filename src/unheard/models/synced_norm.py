"""Batch norm over the batches of all processes of a data-parallel training; SyncBatchNorm of torch needs CUDA.

Mean and variance are those of the whole batch, and gradients flow through both, so a step equals that of one process up
to rounding. Without a process group, or with one process, this is torch's own batch norm.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, distributed, nn


def summed(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; its gradient is the sum of the gradients."""
    return cast("Tensor", _Sum.apply(values)) if is_parallel() else values  # type: ignore[no-untyped-call]


def is_parallel() -> bool:
    """Return whether several processes train together."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:  # noqa: ARG004
        total = grads[0].contiguous().clone()
        distributed.all_reduce(total)
        return total


def _normalised(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    wide = x.float()  # (batch, channel, ...)
    over = [axis for axis in range(x.dim()) if axis != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    count = summed(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
    mean = summed(wide.sum(over)) / count  # (channel,)
    centred = wide - mean.view(shape)
    variance = summed(centred.square().sum(over)) / count
    with torch.no_grad():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.num_batches_tracked is not None
        assert norm.momentum is not None
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), norm.momentum)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return torch.addcmul(norm.bias.view(shape), centred, scale.view(shape)).to(x.dtype)


class SyncedBatchNorm1d(nn.BatchNorm1d):
    """As `nn.BatchNorm1d`, over all processes."""

    def forward(self, x: Tensor) -> Tensor:
        return _normalised(self, x) if self.training and is_parallel() else super().forward(x)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """As `nn.BatchNorm2d`, over all processes."""

    def forward(self, x: Tensor) -> Tensor:
        return _normalised(self, x) if self.training and is_parallel() else super().forward(x)


def sync_norms(network: nn.Module) -> None:
    """Let every batch norm of a network, which keeps its weights and buffers, normalise over all processes."""
    for module in network.modules():
        for plain, synced in ((nn.BatchNorm1d, SyncedBatchNorm1d), (nn.BatchNorm2d, SyncedBatchNorm2d)):
            if type(module) is plain:
                module.__class__ = synced
