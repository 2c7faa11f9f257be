"""Rows of a matrix as the vectors of a search: as they are (dot products), or centred and of length 1 (cosines).

The matrix may be a memory map; nothing here copies all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Mask, Rows

BLOCK = 16_384  # rows that are read at once
GROUPS = 4  # for each of the k largest
ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Vectors:
    """The vectors (matrix[row] - centre) * scale[row].

    matrix  (n, d) float32
    centre  (d,) float32, None: 0
    scale   (n,) float32, 1 / length of the centred row, 0 for a row without a direction; None: 1
    """

    matrix: Floats
    centre: Floats | None = None
    scale: Floats | None = None

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, rows: Rows | slice) -> Floats:
        """Return some vectors, (row, d) float32."""
        found: Floats = np.asarray(self.matrix[rows], np.float32)
        if self.centre is not None:
            found = found - self.centre
        if self.scale is not None:
            found = found * self.scale[rows, None]
        return found

    def products(self, query: Floats) -> Floats:
        """Return the dot products of a query (d,) with all vectors, (n,), in single precision."""
        products: Floats = np.asarray(self.matrix) @ query
        if self.centre is not None:
            products -= self.centre @ query
        if self.scale is not None:
            products *= self.scale
        return products

    def nearest(self, query: Floats, k: int, allowed: Mask) -> Rows:
        """Return the rows of the `k` largest products among those `allowed` (n,), ascending, by reading all."""
        return np.sort(largest(np.where(allowed, self.products(query), -np.inf), k))

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """A 64-bit hash of each vector, (n,)."""
        d = self.matrix.shape[1]
        odd = (np.arange(1, d + 1, dtype=np.uint64) * ODD) | np.uint64(1)
        start = np.uint64(0)
        if self.centre is not None:
            start = (np.ascontiguousarray(self.centre).view(np.uint32).astype(np.uint64) * odd).sum(dtype=np.uint64)
        found = np.empty(len(self), np.uint64)
        for rows in blocks_of(len(self)):
            bits = np.ascontiguousarray(self.matrix[rows], np.float32).view(np.uint32)
            found[rows] = np.einsum("ij,j->i", bits, odd, dtype=np.uint64, casting="unsafe") + start
        return found


def unit_vectors(matrix: Floats, centre: Floats, *, min_length: float) -> Vectors:
    """Return the rows of a matrix centred and scaled to length 1, to 0 if the length is at most `min_length`."""
    scale = np.empty(len(matrix), np.float32)
    for rows in blocks_of(len(matrix)):
        lengths = np.linalg.norm(np.asarray(matrix[rows], np.float32) - centre, axis=1)
        scale[rows] = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > min_length)
    return Vectors(matrix, centre, scale)


def blocks_of(n: int) -> Iterator[slice]:
    """Yield slices of at most BLOCK rows."""
    for start in range(0, n, BLOCK):
        yield slice(start, min(start + BLOCK, n))


def largest(scores: Floats, k: int) -> Rows:
    """Return the indices of the `k` largest scores, in no order, without those that are -inf."""
    size = len(scores) // (GROUPS * k) if k else 0
    if size > 1:  # the k-th largest of the maxima of groups is a bound that few others reach
        maxima = scores[: len(scores) // size * size].reshape(-1, size).max(axis=1)
        bound = np.partition(maxima, len(maxima) - k)[len(maxima) - k]
        chosen = np.flatnonzero(scores >= bound)
    else:
        chosen = np.arange(len(scores))
    first = max(0, len(chosen) - k)
    if first:
        chosen = chosen[np.argpartition(scores[chosen], first)[first:]]
    return chosen[scores[chosen] > -np.inf]
