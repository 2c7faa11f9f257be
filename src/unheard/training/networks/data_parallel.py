"""Train a network in several processes: each computes a share of every batch, and all take the same step.

Every process runs the whole training (loop.py) with the same seed. Two hooks of the network divide its work: before the
network, a batch is cut to the share of the process; after it, the outputs of all are put together. So each process has
the loss of the whole batch, also where it compares tracks of a batch with each other, and the gradients of its share.
A third hook sums the gradients. Batch norm is over the whole batch (models/synced_norm.py).

A step equals that of one process up to rounding, but for random numbers inside the network (dropout, masks of patches):
each process draws its own. Only the first process writes checkpoints, figures and predictions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn

from unheard.errors import UnheardError
from unheard.models.synced_norm import is_parallel, sync_norms

LIMIT_S = 600.0  # that a process waits for the others


@contextmanager
def process_group(address: str, rank: int, n: int) -> Iterator[None]:
    """Join `n` processes at address HOST:PORT of the first; UnheardError if one of them ends or does not answer."""
    try:
        distributed.init_process_group(
            "gloo", init_method=f"tcp://{address}", rank=rank, world_size=n, timeout=timedelta(seconds=LIMIT_S)
        )
        try:
            yield
        finally:
            distributed.destroy_process_group()
    except (RuntimeError, ValueError) as error:  # of gloo and of its store
        reason = str(error).splitlines()[0][:200]
        raise UnheardError(
            f"process {rank} of {n}: another process of the training ended or did not answer ({reason}); run the same "
            "command again: it goes on from the last checkpoint"
        ) from error


def is_first() -> bool:
    """Return whether this process writes: the first of several, or the only one."""
    return not is_parallel() or distributed.get_rank() == 0


def divide_work(network: nn.Module, loss: nn.Module) -> None:
    """Let this process compute its share of each batch; nothing without a process group.

    loss  module with the weights of the loss, which all processes compute alike
    """
    if not is_parallel():
        return
    rank, n = distributed.get_rank(), distributed.get_world_size()
    sync_norms(network)
    share = _Share(rank, n)
    network.register_forward_pre_hook(share.cut)
    network.register_forward_hook(share.put_together)
    for weights, divisor in ((network.parameters(), 1), (loss.parameters(), n)):
        for weight in weights:
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(_Summed(divisor))  # type: ignore[no-untyped-call]


class _Share:
    """The share of one process of the batch in the network now; a batch smaller than the processes is not divided."""

    def __init__(self, rank: int, n: int) -> None:
        self._rank, self._n = rank, n
        self._size, self._part = 0, slice(0)
        self._random: Tensor | None = None

    def cut(self, network: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (batch,) = arguments
        self._size = len(batch)
        edges = [self._size * rank // self._n for rank in range(self._n + 1)]
        self._part = slice(edges[self._rank], edges[self._rank + 1]) if self._size >= self._n else slice(self._size)
        if network.training:  # the loss goes on with the numbers of all processes
            self._random = torch.get_rng_state()
            torch.manual_seed(torch.initial_seed() + self._rank)
        return (batch[self._part],)

    def put_together(self, network: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:  # noqa: ARG002
        if network.training and self._random is not None:
            torch.set_rng_state(self._random)
        share = 1 if self._size >= self._n else self._n
        whole = _Together.apply(output.float(), self._size, self._part, share)  # type: ignore[no-untyped-call]
        return cast("Tensor", whole)


class _Together(torch.autograd.Function):
    """The outputs (batch, ...) of all processes; the gradient is that of the own part."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, size: int, part: slice, share: int) -> Tensor:
        ctx.part, ctx.share = part, share
        whole = output.new_zeros((size, *output.shape[1:]))
        whole[part] = output / share
        distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return grads[0][ctx.part] / ctx.share, None, None, None


class _Summed:
    """Sum the gradient of a weight over all processes, and divide it."""

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor

    def __call__(self, weight: Tensor) -> None:
        assert weight.grad is not None
        distributed.all_reduce(weight.grad)
        weight.grad /= self._divisor
