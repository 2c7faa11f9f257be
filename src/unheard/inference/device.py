"""Where a network runs and in which precision.

The environment variable UNHEARD_BF16 overrides what the processor decides:

    auto    bfloat16 autocast where the processor computes in bfloat16, float32 elsewhere (the default)
    on      bfloat16 autocast everywhere, emulated where the processor lacks it
    off     float32 everywhere
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

# Large tensors on 2 MB pages: a training step touches a gigabyte of fresh memory, and faulting it in 4 kB at a time
# costs a fifth of the step. torch reads this when it first allocates; it has no effect outside Linux.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch
from numpy.typing import NDArray
from torch import Tensor

from unheard.errors import UserError


def pick_device(name: str = "auto") -> torch.device:
    """The device of a name; "auto" is CUDA where there is one. UserError if it cannot be used."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device {name!r} cannot be used ({reason}); choose auto, cpu or cuda") from error
    return device


def native_bf16(device: torch.device | None = None) -> bool:
    """Return whether a device (default: this CPU) computes in bfloat16 itself; an emulation is slower than float32."""
    if device is not None and device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return any(check is not None and bool(check()) for check in supported)


def uses_bf16(device: torch.device | None = None) -> bool:
    """Return whether autocast to bfloat16 is used on a device: UNHEARD_BF16, or else `native_bf16`."""
    choice = os.environ.get("UNHEARD_BF16", "auto")
    if choice not in ("auto", "on", "off"):
        raise UserError(f"UNHEARD_BF16: expected auto, on or off, found {choice!r}; correct or unset the variable")
    return native_bf16(device) if choice == "auto" else choice == "on"


def autocast(device: torch.device, precision: Literal["auto", "float32"] = "auto") -> AbstractContextManager[object]:
    """Return bfloat16 autocast where `precision` and `uses_bf16` allow it; weights stay float32."""
    if precision == "auto" and uses_bf16(device):
        # CUDA graphs do not allow copies of weights that are kept from operation to operation.
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=device.type != "cuda")
    return nullcontext()


def to_device(values: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device; on CUDA without waiting for the work that is queued there."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
