"""Remember which track each of many millions of names is: 12 bytes a name, in sorted arrays.

Names are known by a 64-bit hash. The chance that two of n names have the same is n^2 / 2^65: 3 in 10,000 for the 10^8
recordings of ListenBrainz. New names are collected in a dict, and merged into the arrays when it has grown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows

UNSEEN, NONE = -2, -1
MAX_RECENT = 500_000


@dataclass
class KnownNames:
    """Hash of a name -> row of its track in the library, `NONE` for a name without a match."""

    _hashes: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64), init=False)  # sorted
    _rows: Rows = field(default_factory=lambda: np.empty(0, np.int32), init=False)
    _recent: dict[int, int] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._hashes) + len(self._recent)

    def rows_of(self, hashes: NDArray[np.uint64]) -> Rows:
        """Return the row of each name, `UNSEEN` for one that was not added."""
        at = np.searchsorted(self._hashes, hashes)
        rows = np.full(len(hashes), UNSEEN, np.int32)
        inside = np.flatnonzero(at < len(self._hashes))
        found = inside[self._hashes[at[inside]] == hashes[inside]]
        rows[found] = self._rows[at[found]]
        if self._recent:
            unseen = np.flatnonzero(rows == UNSEEN)
            rows[unseen] = [self._recent.get(one, UNSEEN) for one in hashes[unseen].tolist()]
        return rows

    def add(self, name_hash: int, row: int) -> None:
        """Remember a name that `rows_of` has not seen."""
        self._recent[name_hash] = row
        if len(self._recent) >= MAX_RECENT:
            self._merge()

    def _merge(self) -> None:
        hashes = np.fromiter(self._recent, np.uint64, len(self._recent))
        rows = np.fromiter(self._recent.values(), np.int32, len(self._recent))
        order = np.argsort(hashes)
        at = np.searchsorted(self._hashes, hashes[order])
        self._hashes = np.insert(self._hashes, at, hashes[order])
        self._rows = np.insert(self._rows, at, rows[order])
        self._recent = {}


def name_hashes(names: Sequence[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each name."""
    found = (int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") for name in names)
    return np.fromiter(found, np.uint64, len(names))
