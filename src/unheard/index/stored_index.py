"""Write an inverted file, map it into memory, and bring it up to date with the vectors of the present.

The file holds a hash of the id and of the vector of each row. What has changed since is found by these when the index
is opened, so nothing is ever written into the file, and no stage has to report its changes:

    removed, or another vector   a tombstone: the vector is never found again
    new, or another vector       added: kept beside the lists and read by every query

An index of other vectors has hardly one in common with the present ones and is not used (USABLE); from REBUILD_FROM on
it should be made again. A file is replaced by one rename, so a process that is killed while it makes an index leaves
the previous one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.arrays import Floats, Mask, Rows
from unheard.errors import UserError
from unheard.index.inverted_file import DEPTHS, Allowed, InvertedFile
from unheard.index.row_vectors import Vectors, largest

KIND = "index"
USABLE, REBUILD_FROM = 0.05, 0.01  # added vectors, as a share of all
Hashes = NDArray[np.uint64]


def save_index(path: Path, file: InvertedFile, keys: Hashes, digests: Hashes) -> None:
    """Write an inverted file with the hashes of ids and vectors (n,), by row of the matrix that it was made of."""
    arrays = {**file.arrays, "keys": keys[file.positions], "digests": digests[file.positions]}
    artefacts.save(path, KIND, config={}, arrays=arrays)


@dataclass(frozen=True)
class Index:
    """An inverted file that is up to date.

    rows           (entry,) row of each vector of the lists in the present matrix, -1: a tombstone
    added          (k,) rows that are in no list, ascending
    added_vectors  (k, m) projected as those in the lists
    n_rows         of the present matrix
    """

    file: InvertedFile
    rows: NDArray[np.int32]
    added: Rows
    added_vectors: Floats
    n_rows: int

    @property
    def is_outdated(self) -> bool:
        """Whether so much has changed that the index should be made again."""
        removed = int((self.rows < 0).sum())
        return max(len(self.added), removed) > REBUILD_FROM * self.n_rows

    def allowed(self, mask: Mask) -> AllowedRows:
        """Return which vectors may be found, from a mask of the present rows (n_rows,)."""
        listed = mask[self.rows] & (self.rows >= 0) if self.n_rows else np.zeros(len(self.rows), np.bool_)
        return AllowedRows(self.file.allowed(listed), mask[self.added])

    def nearest(
        self,
        query: Floats,
        k: int,
        allowed: AllowedRows,
        *,
        depth: int = DEPTHS[0],
        n_whole: int | None = None,
        share: float | None = None,
    ) -> Rows:
        """Return the rows of the `k` largest products of projections with a query (d,), ascending, int32.

        The other arguments are those of `InvertedFile.nearest`.
        """
        entries, products = self.file.nearest(query, k, allowed.listed, depth=depth, n_whole=n_whole, share=share)
        of_added = np.where(allowed.added, self.added_vectors @ (query @ self.file.axes), np.float32(-np.inf))
        best = largest(np.concatenate([products, of_added]), k)
        return np.sort(np.concatenate([self.rows[entries], self.added])[best].astype(np.int32))


@dataclass(frozen=True)
class AllowedRows:
    """Which vectors of an index may be found: those in the lists, and a mask of those added (k,)."""

    listed: Allowed
    added: Mask


def open_index(path: Path, vectors: Vectors, keys: Hashes, digests: Hashes) -> Index | None:
    """Return the index of the present vectors; None without a file, or if it is damaged or of other vectors.

    keys, digests  (n,) hashes of the ids and of the vectors of the present rows
    """
    if not path.is_file():
        return None
    try:
        arrays = artefacts.load_mapped(path, KIND).arrays
        old_keys, old_digests = arrays.pop("keys"), arrays.pop("digests")
        file = InvertedFile(**arrays)
    except (UserError, KeyError, TypeError, ValueError):
        return None
    if len(file.axes) != vectors.matrix.shape[1] or len(file.shares) != len(DEPTHS):  # or of an earlier version
        return None
    rows = np.full(len(old_keys), -1, np.int32)
    if len(keys):
        at = np.minimum(file.positions, len(keys) - 1)  # most rows are where they were, if none was added before them
        same = (keys[at] == old_keys) & (digests[at] == old_digests)
        rows[same] = at[same]
        moved = np.flatnonzero(~same)
        if len(moved):
            order = np.argsort(keys)
            found = order[np.minimum(np.searchsorted(keys[order], old_keys[moved]), len(keys) - 1)]
            same = (keys[found] == old_keys[moved]) & (digests[found] == old_digests[moved])
            rows[moved[same]] = found[same]
    is_listed = np.zeros(len(keys), np.bool_)
    is_listed[rows[rows >= 0]] = True
    added = np.flatnonzero(~is_listed).astype(np.int32)
    if len(added) > USABLE * len(keys):
        return None
    return Index(file, rows, added, vectors.take(added) @ file.axes, len(keys))
