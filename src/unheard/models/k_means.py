"""Cluster points by k-means on nested batches, each twice as large as the one before.

The method follows Newling and Fleuret, "Nested mini-batch k-means" (2016). Lloyd's step is made on the first points of
a random order: early steps are cheap because few points place the centres roughly, and later ones make them exact.

The nearest centre c of a point x has the highest x c - |c|^2 / 2. With a 1 behind each point and -|c|^2 / 2 behind each
centre that is one matrix product, made for as few points at a time as keep their scores in a core's cache. BLAS uses
one thread, because such products are too small to be divided; blocks of points are distributed among the cores.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from unheard.arrays import Floats, Indices

FIRST_BATCH = 4  # points a centre
STEPS_ON_ALL = 2  # Lloyd's steps on all points; one on every smaller batch
BLOCK_POINTS = 16_384
SCORES, MIN_ROWS = 1 << 18, 64  # numbers that a thread computes at a time (1 MB), and the fewest points


def k_means(points: Floats, k: int, *, rng: np.random.Generator) -> Floats:
    """Return k centres (k, d) float32 of points (n, d); if there are fewer distinct points, those.

    They depend neither on the number of cores nor on the order of the points in memory but through `rng`. Memory: a
    copy of the points, and a few MB a core.
    """
    points = points[rng.permutation(len(points))]
    centres = first_distinct(points, k)
    if len(centres) < k:
        return centres
    n = min(len(points), FIRST_BATCH * k)
    while n < len(points):
        centres, _ = lloyd_step(points[:n], centres)
        n = min(len(points), 2 * n)
    for _ in range(STEPS_ON_ALL):
        centres, _ = lloyd_step(points, centres)
    return centres


def first_distinct(points: Floats, k: int) -> Floats:
    """Return the first k distinct points, (k, d); fewer if there are fewer."""
    found: dict[bytes, Floats] = {}
    for point in points:
        found.setdefault(point.tobytes(), point)
        if len(found) == k:
            break
    return np.stack(list(found.values())).astype(np.float32)


def lloyd_step(points: Floats, centres: Floats) -> tuple[Floats, float]:
    """Return the mean of the points nearest to each centre, and the inertia of the centres given.

    The inertia is the sum of the squared distances of the points (n, d) to their nearest centres (k, d). Centres
    without a point move to the points that are farthest from theirs.
    """
    k = len(centres)
    origin = centres.mean(axis=0)  # near it, float32 is exact enough
    weights = _weights(centres - origin)

    def step(start: int) -> tuple[Floats, Indices, Floats]:
        block = points[start : start + BLOCK_POINTS] - origin
        labels, scores = _best(block, weights)
        members = csr_matrix((np.ones(len(block), np.float32), labels, np.arange(len(block) + 1)), (len(block), k))
        return members.T @ block, np.bincount(labels, minlength=k), (block**2).sum(axis=1) - 2 * scores

    total, count, distances = np.zeros(centres.shape), np.zeros(k, np.int64), []
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for sums, counts, squares in pool.map(step, range(0, len(points), BLOCK_POINTS)):
            total += sums
            count += counts
            distances.append(squares)
    squared = np.maximum(np.concatenate(distances), 0.0)
    moved = (origin + total / np.maximum(count, 1)[:, None]).astype(np.float32)
    empty = np.flatnonzero(count == 0)
    moved[empty] = points[np.argsort(-squared, kind="stable")[: len(empty)]]
    return moved, float(squared.sum(dtype=np.float64))


def nearest(points: Floats, centres: Floats) -> Indices:
    """Return the index of the centre (k, d) nearest to each point: (n, d) -> (n,)."""
    origin = centres.mean(axis=0)
    with threadpool_limits(1, "blas"):
        return _best(points - origin, _weights(centres - origin))[0]


def _weights(centres: Floats) -> Floats:
    """Return the matrix (d + 1, k) whose product with points, with a 1 behind each, is x c - |c|^2 / 2."""
    return np.ascontiguousarray(np.hstack([centres, -0.5 * (centres**2).sum(axis=1, keepdims=True)]).T)


def _best(points: Floats, weights: Floats) -> tuple[Indices, Floats]:
    """Return the column with the highest score of each point, and that score: (n, d) -> (n,) twice."""
    n, k = len(points), weights.shape[1]
    padded = np.hstack([points, np.ones((n, 1), np.float32)])
    labels, best = np.empty(n, np.int64), np.empty(n, np.float32)
    size = max(MIN_ROWS, SCORES // k)
    scores = np.empty((size, k), np.float32)
    for start in range(0, n, size):
        rows = slice(start, min(start + size, n))
        some = np.matmul(padded[rows], weights, out=scores[: rows.stop - start])
        labels[rows] = some.argmax(axis=1)
        best[rows] = np.take_along_axis(some, labels[rows, None], axis=1)[:, 0]
    return labels, best
