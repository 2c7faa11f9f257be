"""How a training step computes outputs, and how it reads its loss, on each kind of device.

On a CPU a network is called, and the loss is a number at once. On CUDA a step of these networks takes less time than
Python needs to ask for its two hundred kernels, so forward and backward pass are recorded as CUDA graphs; the loss of a
step is read while the next one computes. A long training also compiles the network, which fuses what lies between its
convolutions.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Literal, cast

import torch
from torch import Tensor, nn

from unheard.inference.device import autocast

Precision = Literal["auto", "float32"]
COMPILED_FROM = 2_000_000  # patches of a whole training: compiling takes half a minute


def trained_forward(
    network: nn.Module, device: torch.device, precision: Precision, *, patches: int
) -> Callable[[Tensor], Tensor]:
    """Return what maps stored input, on the device, to float32 outputs; gradients reach the network's weights.

    patches  of the whole training
    """
    if device.type != "cuda":
        return _Autocast(network, device, precision)
    long = patches >= COMPILED_FROM and find_spec("triton") is not None and shutil.which("cc") is not None
    return GraphedForward(network, device, precision, compiled=long)


class GraphedForward:
    """A network in training mode as CUDA graphs, one for each shape of input; an epoch has two at most.

    Graphs read the network's weights where they are. Recording them leaves weights, buffers and gradients as they were.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision, *, compiled: bool) -> None:
        self._network, self._device, self._precision = network, device, precision
        self._called = cast("nn.Module", torch.compile(network, dynamic=False)) if compiled else network
        self._graphs: dict[torch.Size, Callable[[Tensor], Tensor]] = {}

    def __call__(self, stored: Tensor) -> Tensor:
        if stored.shape not in self._graphs:
            self._graphs[stored.shape] = self._recorded(stored)
        return self._graphs[stored.shape](stored)

    def _recorded(self, stored: Tensor) -> Callable[[Tensor], Tensor]:
        before = {name: buffer.clone() for name, buffer in self._network.named_buffers()}
        with torch.random.fork_rng(devices=[self._device]):
            module = _Autocast(self._called, self._device, self._precision)
            graphed = torch.cuda.make_graphed_callables(module, (stored.clone(),), allow_unused_input=True)
        with torch.no_grad():
            for name, buffer in self._network.named_buffers():
                buffer.copy_(before[name])
        return cast("Callable[[Tensor], Tensor]", graphed)


class _Autocast(nn.Module):
    """A network under autocast, with outputs in float32."""

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        super().__init__()
        self.network, self._device, self._precision = network, device, precision

    def forward(self, stored: Tensor) -> Tensor:
        with autocast(self._device, self._precision):
            output: Tensor = self.network(stored)
        return output.float()


def autotuned(device: torch.device) -> AbstractContextManager[object]:
    """Let cuDNN measure which of its convolutions is fastest for each shape; nothing on a CPU."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True) if device.type == "cuda" else nullcontext()


def seed_step(seed: int, device: torch.device) -> None:
    """Seed the generators that a step draws from; torch.manual_seed also looks for every other kind of device."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


class LossReader:
    """The number of a loss, without waiting for the work that follows it on the device."""

    def __init__(self, loss: Tensor) -> None:
        self._value, self._copied = loss.detach(), None
        if loss.is_cuda:
            self._value = torch.empty((), dtype=loss.dtype, pin_memory=True)
            self._value.copy_(loss.detach(), non_blocking=True)
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._copied.record()

    def read(self) -> float:
        if self._copied is not None:
            self._copied.synchronize()
        return float(self._value)
