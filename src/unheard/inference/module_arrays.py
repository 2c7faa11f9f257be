"""Weights and buffers of a module as NumPy arrays, which artefacts store."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Arrays = dict[str, NDArray[Any]]


def arrays_of(module: nn.Module) -> Arrays:
    """Return a copy of weights and buffers by name."""
    return {name: array_of(tensor) for name, tensor in module.state_dict().items()}


def array_of(tensor: Tensor) -> NDArray[Any]:
    """Return a copy of a tensor in C order."""
    array: NDArray[Any] = tensor.detach().cpu().numpy().copy(order="C")
    return array


def load_arrays(module: nn.Module, arrays: Arrays) -> None:
    """Set weights and buffers; RuntimeError if names or shapes are not the module's."""
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def below(arrays: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
