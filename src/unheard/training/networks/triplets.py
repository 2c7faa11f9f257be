"""Neighbours in factor space, from which triplet losses draw positives and negatives.

Similarity is the cosine of factors centred on the mean of the train tracks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Floats, Indices, Rows
from unheard.training.networks.batches import cycled, n_steps

BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Neighbourhoods:
    """Neighbours of n tracks among themselves.

    unit            (n, d) centred factors of length 1
    nearest         (n, k) indices of the k most similar others, most similar first
    positive_above  (n,) similarity of the k-th: a track at least as similar is a positive
    negative_below  (n,) similarity of the (k + buffer)-th: a track less similar is a negative
    farthest        (n, m) indices of the m least similar others, least similar first
    """

    unit: Floats
    nearest: Rows
    positive_above: Floats
    negative_below: Floats
    farthest: Rows


def unit_factors(factors: Floats, mean: Floats) -> Floats:
    """Return centred factors of length 1, (n, d); a factor equal to the mean becomes 0."""
    centred = factors - mean
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return (centred / np.where(length > 0, length, 1.0)).astype(np.float32)


def neighbourhoods(factors: Floats, mean: Floats, *, nearest: int, buffer: int, farthest: int) -> Neighbourhoods:
    """Return the neighbours of each row of `factors` (n, d) among the others; n >= 2.

    In small sets `nearest` and `buffer` are at most a quarter of the others each, `farthest` at most half.
    """
    n = len(factors)
    k = min(nearest, max(1, (n - 1) // 4))
    gap = min(buffer, (n - 1) // 4)
    m = min(farthest, max(1, (n - 1) // 2))
    unit = unit_factors(factors, mean)
    near, far = np.empty((n, k), np.int32), np.empty((n, m), np.int32)
    above, below = np.empty(n, np.float32), np.empty(n, np.float32)
    for start in range(0, n, BLOCK_ROWS):
        block = slice(start, min(n, start + BLOCK_ROWS))
        similarity = unit[block] @ unit.T  # (block, n)
        own = np.arange(block.start, block.stop)
        similarity[own - start, own] = np.inf  # a track is first in its own ranking
        top = _ranked(-similarity, k + gap + 1)[:, 1:]  # (block, k + gap)
        near[block] = top[:, :k]
        above[block] = np.take_along_axis(similarity, top[:, k - 1 : k], axis=1)[:, 0]
        below[block] = np.take_along_axis(similarity, top[:, -1:], axis=1)[:, 0]
        far[block] = _ranked(similarity, m)
    return Neighbourhoods(unit, near, above, below, far)


def _ranked(values: Floats, n: int) -> Indices:
    """Return the columns of the n smallest values of each row, smallest first."""
    some = np.argpartition(values, n - 1, axis=1)[:, :n]
    order = np.take_along_axis(values, some, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1)


def offline_triplets(rng: np.random.Generator, near: Neighbourhoods, batch_size: int, n_items: int) -> list[Indices]:
    """Return batches of anchors, then their positives, then their negatives: (3 * batch,) each; `n_items` anchors."""
    anchors = cycled(rng, len(near.nearest), n_items)
    positives = near.nearest[anchors, rng.integers(near.nearest.shape[1], size=len(anchors))]
    negatives = near.farthest[anchors, rng.integers(near.farthest.shape[1], size=len(anchors))]
    together = np.stack([anchors, positives, negatives])  # (3, all anchors)
    steps = n_steps(n_items, batch_size)
    return [part.reshape(-1).astype(np.int64) for part in np.array_split(together, steps, axis=1)]


def grouped(rng: np.random.Generator, near: Neighbourhoods, batch_size: int, n_items: int, group: int) -> list[Indices]:
    """Return batches of groups: an anchor and `group` - 1 of its nearest. All tracks are anchors equally often."""
    n, k = near.nearest.shape
    group = min(group, k + 1, batch_size)
    steps = n_steps(n_items, batch_size)
    per_batch = max(1, batch_size // group)
    anchors = cycled(rng, n, steps * per_batch)
    picks = rng.random((len(anchors), k)).argsort(axis=1)[:, : group - 1]  # (anchors, group - 1)
    members = np.take_along_axis(near.nearest[anchors], picks, axis=1)
    groups = np.concatenate([anchors[:, None], members], axis=1)  # (anchors, group)
    return list(groups.reshape(steps, -1).astype(np.int64))
