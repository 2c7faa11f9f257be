"""Make an inverted file: principal axes, lists by k-means, and how many vectors a query has to read.

The axes are the fewest that hold ENERGY of the squared lengths. The lists are those of k-means on a sample. A list that
is much longer than the mean is cut into pieces of similar lengths of vectors, so that no list takes long to read. For
some queries the largest products are computed exactly; `shares` are the shares of the vectors that have to be read to
find RECALL of them, with a MARGIN. Vectors without structure need most of all vectors to be read, and then the index is
hardly faster than a scan; but it finds as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats, Indices, Mask
from unheard.index.inverted_file import DEPTHS, InvertedFile
from unheard.index.row_vectors import Vectors, blocks_of
from unheard.models.k_means import k_means, nearest

ENERGY = 0.9
SAMPLE = 40  # vectors for each list, of k-means
PER_LIST = 500  # vectors, about
LONGEST = 2.0  # times the mean: longer lists are cut
QUERIES = 400  # whose nearest vectors are computed exactly
RECALL = 0.995
MARGIN = 1.5  # times what these queries needed, because others may need more
NOTHING = np.zeros(0, np.float32)


def build(
    vectors: Vectors,
    queries: Floats,
    rng: np.random.Generator,
    *,
    kinds: Sequence[Mask] = (),
    step: Callable[[str], None] = lambda _: None,
) -> InvertedFile:
    """Return an inverted file of at least one vector; `step` is called with the name of each step before it.

    queries  (q, d) some like those that will be asked
    kinds    (n,) each, the vectors that a query searches, if it does not search all
    """
    step("axes")
    axes = principal_axes(vectors.take(_sample(len(vectors), 20_000, rng)))
    projected = np.empty((len(vectors), axes.shape[1]), np.float32)
    for rows in blocks_of(len(vectors)):
        projected[rows] = vectors.take(rows) @ axes
    step("lists")
    n_lists = max(1, round(len(vectors) / PER_LIST))
    means = k_means(projected[_sample(len(projected), SAMPLE * n_lists, rng)], n_lists, rng=rng)
    lists = np.concatenate([nearest(projected[rows], means) for rows in blocks_of(len(projected))])
    lengths = np.einsum("ij,ij->i", projected, projected)
    order = np.lexsort((-lengths, lists)).astype(np.int32)  # long vectors first, so that pieces have similar lengths
    starts = _cut(np.bincount(lists), most=int(LONGEST * PER_LIST))
    projected = projected[order]
    means = (np.add.reduceat(projected, starts[:-1], axis=0) / np.diff(starts)[:, None]).astype(np.float32)
    squares = np.add.reduceat(lengths[order].astype(np.float64), starts[:-1]) / np.diff(starts)
    variances = np.maximum(squares - (means.astype(np.float64) ** 2).sum(axis=1), 0) / axes.shape[1]
    made = InvertedFile(axes, means, np.sqrt(variances).astype(np.float32), starts, projected, order, NOTHING)
    step("queries")
    asked = queries[_sample(len(queries), QUERIES, rng)]
    everything = np.ones(len(vectors), np.bool_)
    shares = np.max([shares_needed(made, vectors, asked, kind) for kind in kinds or [everything]], axis=0)
    return replace(made, shares=np.minimum(MARGIN * shares, 1).astype(np.float32))


def principal_axes(sample: Floats) -> Floats:
    """Return the fewest principal axes (d, m), not centred, that hold ENERGY of the squared lengths."""
    x = sample.astype(np.float64)
    energy, axes = np.linalg.eigh(x.T @ x)
    energy, axes = np.maximum(energy[::-1], 0), axes[:, ::-1]
    held = np.cumsum(energy) / max(float(energy.sum()), np.finfo(np.float64).tiny)
    m = min(len(held), int(np.searchsorted(held, ENERGY)) + 1)
    return np.ascontiguousarray(axes[:, :m], np.float32)


def shares_needed(file: InvertedFile, vectors: Vectors, queries: Floats, kind: Mask) -> Doubles:
    """Return the shares of the vectors of a kind (n,) that must be read to find RECALL of its DEPTHS nearest.

    queries  (q, d)
    """
    sizes = file.allowed(kind[file.positions]).counts
    if not len(queries) or not sizes.sum():
        return np.ones(len(DEPTHS))
    list_of = np.empty(len(vectors), np.int64)
    list_of[file.positions] = np.repeat(np.arange(len(file.means)), np.diff(file.starts))
    best = exact_nearest(vectors, queries, DEPTHS[-1], kind)
    read = np.empty(best.shape)
    for number, query in enumerate(queries):
        order = file.order(query @ file.axes)
        until = np.empty(len(order), np.int64)
        until[order] = np.cumsum(sizes[order])
        read[number] = until[list_of[best[number]]] / sizes.sum()
    return np.array([np.quantile(read[:, :depth], RECALL, method="higher") for depth in DEPTHS])


def exact_nearest(vectors: Vectors, queries: Floats, k: int, kind: Mask | None = None) -> NDArray[np.int64]:
    """Return the rows of the `k` largest products of each query (q, d), (q, min(k, n)), the largest first.

    kind  (n,) the vectors that count; None: all
    """
    k = min(k, len(vectors) if kind is None else int(kind.sum()))
    rows = np.zeros((len(queries), 0), np.int64)
    scores = np.zeros((len(queries), 0), np.float32)
    for block in blocks_of(len(vectors)):
        products = queries @ vectors.take(block).T
        if kind is not None:
            products[:, ~kind[block]] = -np.inf
        here = np.broadcast_to(np.arange(block.start, block.stop), products.shape)
        scores, rows = np.hstack([scores, products]), np.hstack([rows, here])
        first = max(0, scores.shape[1] - k)
        best = np.argpartition(scores, first, axis=1)[:, first:]
        scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
    return np.take_along_axis(rows, np.argsort(-scores, axis=1), axis=1)


def _sample(n: int, most: int, rng: np.random.Generator) -> Indices:
    return rng.choice(n, most, replace=False) if n > most else np.arange(n)


def _cut(sizes: Indices, *, most: int) -> Indices:
    """Return where lists start and end if those with more than `most` vectors are cut evenly; no list is empty."""
    sizes = sizes[sizes > 0]
    pieces = -(-sizes // most)
    ends: Doubles = np.concatenate([np.linspace(0, size, n + 1)[1:] for size, n in zip(sizes, pieces, strict=True)])
    before = np.repeat(np.cumsum(sizes) - sizes, pieces)
    return np.concatenate([[0], before + np.floor(ends).astype(np.int64)])
