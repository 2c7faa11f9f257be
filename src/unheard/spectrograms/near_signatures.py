"""Find the tracks of a large library whose signatures are almost equal.

Rows are sorted by duration, so each is compared only with rows up to two seconds longer. The projections of two vectors
onto orthonormal directions are at most as far apart as the vectors. So most pairs are ruled out by a product in the 32
directions in which signatures differ most, and the cosines of all 256 numbers are computed for the few that are left.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from unheard.arrays import Floats, Indices

# Other encodings of a recording are above this (tests/spectrograms), other recordings clearly below; an MP3 of the
# lowest quality may be below and is then missed. Durations differ by encoder padding and by trimmed silence.
MIN_COSINE = 0.98
MAX_DURATION_GAP_S = 2.0
DIRECTIONS = 32
SAMPLE = 4096  # rows that choose the directions
ROUNDING = 1e-5  # more than a product of unit vectors in single precision is off
CHUNK = 1024


def near_identical(signatures: Floats, *, chunk: int = CHUNK) -> Indices:
    """Return pairs of rows (pair, 2) with almost the same signature and duration.

    Rows with equal numbers are all paired with the first of them, and only that one with other rows: n equal ones are
    n - 1 pairs.
    """
    firsts, first_of = equal_rows(signatures)
    copies = np.flatnonzero(first_of != np.arange(len(first_of)))
    copies = copies[signatures[copies, :-1].any(axis=1)]
    pairs = [np.empty((0, 2), np.int64), *near_pairs(signatures, firsts, chunk=chunk)]
    return np.concatenate([*pairs, np.stack([first_of[copies], copies], axis=1)])


def near_pairs(signatures: Floats, rows: Indices | None = None, *, chunk: int = CHUNK) -> Iterator[Indices]:
    """Yield blocks of pairs of rows (pair, 2) with almost the same signature and duration, of all rows or some.

    Beside the signatures, memory is O(chunk^2) and 34 numbers a row: the matrix of a large library is not copied.
    """
    if not signatures.size:
        return
    rows = np.arange(len(signatures)) if rows is None else rows
    norms = _norms(signatures)
    order = rows[np.argsort(signatures[rows, -1], kind="stable")]
    order = order[norms[order] > 0]
    if not len(order):
        return

    def unit(at: Indices | slice) -> Floats:
        chosen = order[at]
        vectors: Floats = signatures[chosen, :-1] / norms[chosen, None]
        return vectors

    durations_s = signatures[order, -1].astype(np.float64)
    ends = np.searchsorted(durations_s, durations_s + MAX_DURATION_GAP_S, side="left")
    directions = _directions(unit(slice(None, None, max(1, len(order) // SAMPLE))))
    projected = np.empty((len(order), directions.shape[1]), np.float32)  # (row, k)
    for start in range(0, len(order), CHUNK):
        projected[start : start + CHUNK] = unit(slice(start, start + CHUNK)) @ directions
    # |p - q|^2 <= 2 - 2 MIN_COSINE  <=>  p q - |p|^2 / 2 - |q|^2 / 2 >= MIN_COSINE - 1, one product of longer vectors
    halves, ones = -0.5 * (projected**2).sum(axis=1, keepdims=True), np.ones((len(order), 1), np.float32)
    left, right = np.hstack([projected, halves, ones]), np.hstack([projected, ones, halves])
    for start in range(0, len(order), chunk):
        stop = min(start + chunk, len(order))
        for first in range(start, int(ends[stop - 1]), chunk):
            last = min(first + chunk, int(ends[stop - 1]))
            a, b = np.nonzero(left[start:stop] @ right[first:last].T > MIN_COSINE - 1 - ROUNDING)  # (row, other)
            a, b = a + start, b + first
            close = (b > a) & (b < ends[a])
            a, b = a[close], b[close]
            for part in range(0, len(a), chunk):  # a block of equal rows leaves all its pairs
                one, other = a[part : part + chunk], b[part : part + chunk]
                near = np.einsum("ij,ij->i", unit(one), unit(other)) > MIN_COSINE
                if near.any():
                    yield np.stack([order[one[near]], order[other[near]]], axis=1)


def _norms(signatures: Floats) -> Floats:
    """Return the length of each vector, (n,)."""
    norms = np.empty(len(signatures), np.float32)
    for start in range(0, len(signatures), CHUNK):
        norms[start : start + CHUNK] = np.linalg.norm(signatures[start : start + CHUNK, :-1], axis=1)
    return norms


def equal_rows(*matrices: Floats) -> tuple[Indices, Indices]:
    """Return the first row of each set of equal rows, ascending, and for each row (n,) the first equal one.

    Of several matrices with n rows each, rows are equal if they are so in all of them.
    """
    numbers = _hashes(matrices)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    first_of = first[inverse].astype(np.int64)
    others = np.flatnonzero(first_of != np.arange(len(numbers)))
    for start in range(0, len(others), CHUNK):  # a hash alone does not prove that they are equal
        rows = others[start : start + CHUNK]
        equal = np.logical_and.reduce([(one[rows] == one[first_of[rows]]).all(axis=1) for one in matrices])
        first_of[rows[~equal]] = rows[~equal]
    return np.flatnonzero(first_of == np.arange(len(numbers))), first_of


def _directions(some: Floats) -> Floats:
    """Return the orthonormal directions (d, k) in which unit vectors vary most (principal components)."""
    sample = some.astype(np.float64)
    directions: Floats = np.linalg.eigh(sample.T @ sample)[1][:, -DIRECTIONS:].astype(np.float32)
    return directions


def _hashes(matrices: tuple[Floats, ...]) -> Indices:
    """Return a hash of each row, (n,): its 32-bit words times odd random numbers, modulo 2^64."""
    rng = np.random.default_rng(0)
    out = np.zeros(len(matrices[0]), np.uint64)
    for matrix in matrices:
        factors = rng.integers(1 << 62, size=matrix.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        for start in range(0, len(matrix), CHUNK):
            words = np.ascontiguousarray(matrix[start : start + CHUNK], np.float32).view(np.uint32)
            out[start : start + CHUNK] += (words * factors).sum(axis=1, dtype=np.uint64)
    return out.view(np.int64)
