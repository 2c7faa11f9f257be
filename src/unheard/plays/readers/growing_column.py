"""A column that grows batch by batch, in one piece of memory.

A list of batches takes twice the memory when they are joined, and leaves holes behind when they are freed. The system
moves the pages of one large array instead of copying them, and unused room at its end takes no memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

GROWTH = 1.25


class GrowingColumn:
    """Numbers, appended as arrays. Their type is one that can hold all of them."""

    def __init__(self) -> None:
        self._array: NDArray[Any] | None = None
        self._n = 0

    def append(self, batch: NDArray[Any]) -> None:
        if self._array is None:
            self._array = np.empty(0, batch.dtype)
        dtype = np.result_type(self._array, batch)
        if dtype != self._array.dtype:
            self._array = self._array.astype(dtype)
        end = self._n + len(batch)
        if end > len(self._array):
            self._array.resize(max(end, int(GROWTH * len(self._array))), refcheck=False)
        self._array[self._n : end] = batch
        self._n = end

    @property
    def values(self) -> NDArray[Any]:
        """Everything that was appended; nothing may be appended any more."""
        assert self._array is not None
        self._array.resize(self._n, refcheck=False)
        return self._array
