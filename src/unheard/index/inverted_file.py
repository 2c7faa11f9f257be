"""Search an inverted file: vectors in lists of near ones, of which a query reads the most promising.

Sivic & Zisserman (2003), "Video Google"; Jégou, Douze & Schmid (2011), "Product quantization for nearest neighbor
search". Vectors are projected on their leading principal axes, in which most of their length lies, so that a list is
read in a fraction of the time; the caller computes the scores of what is found exactly. Each list is contiguous, and
its products are one call of BLAS.

A list is promising if its best product with the query q is expected to be large:

    q . c + WIDTH |q| s

with the mean c of its vectors and their standard deviation s along one axis. For vectors of one length this is little
more than the order by q . c. For dot products with vectors of different lengths it matters: a list of long vectors has
a large s. No transformation to a nearest-neighbour problem is needed, and with all lists read the result is that of a
scan of the projections.

How many lists have to be read was measured when the file was made (build_index.py): the share of all vectors that must
be read to find the DEPTHS nearest of a query; a query names the depth that it needs. If a filter allows a share s of
the vectors, the ten nearest of these are about the 10 / s nearest of all, so the share of that depth is read, counted
in allowed vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Indices, Mask
from unheard.index.row_vectors import largest

WIDTH = 4.0  # standard deviations
DEPTHS = (10, 32, 100, 316, 1000)  # numbers of nearest vectors


@dataclass(frozen=True)
class InvertedFile:
    """Vectors in lists.

    axes       (d, m) principal axes, orthonormal columns
    means      (lists, m) of each list's vectors
    spreads    (lists,) standard deviation of each list's vectors along one axis
    starts     (lists + 1,) where each list starts
    vectors    (n, m) projected on the axes, list after list
    positions  (n,) row of each vector in the matrix that the file was made of
    shares     (depths,) share of the vectors that a query reads for each of DEPTHS
    """

    axes: Floats
    means: Floats
    spreads: Floats
    starts: Indices
    vectors: Floats
    positions: NDArray[np.int32]
    shares: Floats

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for an artefact."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def allowed(self, mask: Mask) -> Allowed:
        """Return which vectors may be found, from a mask in the order of the lists (n,)."""
        counts = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])[self.starts]
        return Allowed(mask, np.diff(counts))

    def order(self, query: Floats) -> Indices:
        """Return the lists, the most promising first, for a projected query (m,)."""
        promise = self.means @ query + np.float32(WIDTH * np.linalg.norm(query)) * self.spreads
        found: Indices = np.argsort(-promise)
        return found

    def share(self, depth: float) -> float:
        """Return the share of the vectors to read for the `depth` nearest, interpolated; 1 beyond four times DEPTHS."""
        depths, shares = np.log([*DEPTHS, 4 * DEPTHS[-1]]), np.log([*np.maximum(self.shares, 1e-9), 1.0])
        return float(np.exp(np.interp(np.log(depth), depths, shares)))

    def nearest(
        self,
        query: Floats,
        k: int,
        allowed: Allowed,
        *,
        depth: int = DEPTHS[0],
        n_whole: int | None = None,
        share: float | None = None,
    ) -> tuple[Indices, Floats]:
        """Return where in the lists the `k` vectors with the largest products with a query (d,) are, and the products.

        They are in no order, and the products are those of the projections.

        depth    how many of the nearest of those allowed are needed; the others of the `k` need not be the next ones
        n_whole  number of vectors that would be allowed without a filter; None: there is none
        share    of the allowed vectors that are read; None: as measured. At least `k` are read in any case
        """
        projected = query @ self.axes
        order = self.order(projected)
        n_allowed = int(allowed.counts.sum())
        if share is None:
            share = self.share(max(depth, DEPTHS[0]) * max(1.0, (n_whole or n_allowed) / max(1, n_allowed)))
        wanted = max(k, int(share * n_allowed))
        n_read = int(np.searchsorted(np.cumsum(allowed.counts[order]), wanted)) + 1
        read = order[:n_read]
        read = np.sort(read[allowed.counts[read] > 0])
        starts, stops = self.starts[read], self.starts[read + 1]
        ends = np.cumsum(stops - starts)
        scores = np.empty(int(ends[-1]) if len(ends) else 0, np.float32)
        first = 0
        for start, stop, end in zip(starts.tolist(), stops.tolist(), ends.tolist(), strict=True):
            np.dot(self.vectors[start:stop], projected, out=scores[first:end])
            first = end
        entries = np.repeat(starts - ends + (stops - starts), stops - starts) + np.arange(len(scores))
        kept = allowed.mask[entries]
        if not kept.all():
            entries, scores = entries[kept], scores[kept]
        best = largest(scores, k)
        return entries[best], scores[best]


@dataclass(frozen=True)
class Allowed:
    """Which vectors of an inverted file may be found: `mask` (n,) in the order of the lists, `counts` (lists,)."""

    mask: Mask
    counts: Indices
