"""Artist features: the mean factor of the artist's other train tracks, and how many there are.

A train track's own factor is left out of its mean. Otherwise a model would learn to copy the target out of the mean,
and fail on new tracks, whose factors are in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Indices
from unheard.ids import IdMap
from unheard.library import Library
from unheard.splits.groups import main_artist


@dataclass(frozen=True)
class ArtistTable:
    """Artists with train tracks.

    names   of the artists, as `splits.groups.main_artist` gives them
    sums    (a, d) float32, sum over their train tracks of factor minus mean factor
    counts  (a,) how many train tracks they have
    scale   root mean square of the artists' means: columns are in units of it
    """

    names: IdMap
    sums: Floats
    counts: Indices
    scale: float

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that an artefact stores; the names are stored as ids."""
        return {
            "artist.sums": self.sums,
            "artist.counts": self.counts,
            "artist.scale": np.array([self.scale], np.float32),
        }

    def columns(self, names: Sequence[str]) -> Floats:
        """Return (n, d + 1) for tracks outside the train tracks: mean in units of `scale`, and log(1 + count)."""
        rows = self.names.rows(names, missing=-1)
        there = rows >= 0
        sums, counts = np.zeros((len(names), self.sums.shape[1]), np.float32), np.zeros(len(names), np.int64)
        sums[there], counts[there] = self.sums[rows[there]], self.counts[rows[there]]
        return _columns(sums, counts, self.scale)

    def columns_without_self(self, names: Sequence[str], tracks: Floats) -> Floats:
        """Return the same for train tracks with centred factors (n, d), each left out of its own mean."""
        rows = self.names.rows(names, missing=-1)
        there = rows >= 0  # a track without an artist has no others
        sums, counts = np.zeros((len(names), self.sums.shape[1]), np.float32), np.zeros(len(names), np.int64)
        sums[there], counts[there] = self.sums[rows[there]] - tracks[there], self.counts[rows[there]] - 1
        return _columns(sums, counts, self.scale)


def artist_table(tracks: Floats, names: Sequence[str]) -> ArtistTable:
    """Return the table of train tracks with centred factors (n, d), and their artists' names, "" for none."""
    known = IdMap(sorted(set(names) - {""}))
    rows = known.rows(names, missing=-1)
    there = rows >= 0
    sums = np.zeros((len(known), tracks.shape[1]))
    np.add.at(sums, rows[there], tracks[there])
    counts = np.bincount(rows[there], minlength=len(known))
    means = sums / np.maximum(counts, 1)[:, None]
    scale = float(np.sqrt((means**2).mean())) if len(known) else 0.0
    return ArtistTable(known, sums.astype(np.float32), counts, scale or 1.0)


def count_of(features: Floats) -> Indices:
    """Return how many other train tracks the artists have, (n,), from features that end with the columns above."""
    counts: Indices = np.rint(np.expm1(features[:, -1].astype(np.float64))).astype(np.int64)
    return counts


def artist_names(library: Library, ids: IdMap) -> list[str]:
    """Return the main artist of each track of `ids`, "" for none and for tracks that are not in the library."""
    tracks = library.tracks()
    rows = tracks.ids.rows(ids, missing=-1)
    return [main_artist(tracks[row]) if row >= 0 else "" for row in rows]


def _columns(sums: Floats, counts: Indices, scale: float) -> Floats:
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None] / scale, 0.0)
    return np.concatenate([means, np.log1p(counts)[:, None]], axis=1).astype(np.float32)
