"""Where a network runs and in which precision."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

# Large tensors on 2 MB pages: a training step touches a gigabyte of fresh memory, and faulting it in 4 kB at a time
# costs a fifth of the step. torch reads this when it first allocates; it has no effect outside Linux.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch

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
    """Whether bfloat16 is arithmetic of the processor (default: this CPU), not an emulation slower than float32."""
    if device is not None and device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return any(check is not None and bool(check()) for check in supported)


def autocast(device: torch.device, precision: Literal["auto", "float32"]) -> AbstractContextManager[object]:
    """bfloat16 autocast where `precision` allows it and the processor has it; weights stay float32."""
    if precision == "auto" and native_bf16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
