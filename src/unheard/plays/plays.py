"""The type `Plays`: which tracks are in which playlists, as columns sorted by playlist and position.

A listener's history is a playlist with play counts as weights. Commands read the plays of a workspace once, as one
`Plays`, and derive what they need from it: earlier plays, plays of some tracks, a sparse matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats, Indices, Mask, Rows
from unheard.ids import IdMap

PART = 4_000_000  # rows that are sorted at once
SortKey = Callable[[Indices | slice], NDArray[np.integer]]
DISLIKE = -1.0  # weight of a dislike while plays are imported; no stored play has it


class Play(NamedTuple):
    """One track in one playlist; `timestamp` is in seconds since 1970, None if unknown."""

    playlist_id: str
    track_id: str
    position: int
    weight: float = 1.0
    timestamp: float | None = None


@dataclass(frozen=True, eq=False)
class Plays:
    """Plays as columns of equal length, sorted by (playlist row, position).

    playlist_ids   ids of the m playlists; a playlist may have no plays
    track_ids      ids of the n tracks; a track may have no plays
    playlist_rows  (k,) int32 rows of `playlist_ids`, ascending
    track_rows     (k,) int32 rows of `track_ids`
    positions      (k,) int32, ascending within a playlist
    weights        (k,) float32, a play count or 1
    timestamps     (k,) float64 seconds since 1970, NaN where unknown
    """

    playlist_ids: IdMap
    track_ids: IdMap
    playlist_rows: Rows
    track_rows: Rows
    positions: Rows
    weights: Floats
    timestamps: Doubles

    @staticmethod
    def of(rows: Iterable[Play]) -> Plays:
        """Return the plays of `rows`, with both id maps sorted; for small sources."""
        rows = list(rows)
        playlist_ids = IdMap(sorted({row.playlist_id for row in rows}))
        track_ids = IdMap(sorted({row.track_id for row in rows}))
        unsorted = Plays(
            playlist_ids,
            track_ids,
            playlist_ids.rows(row.playlist_id for row in rows),
            track_ids.rows(row.track_id for row in rows),
            np.array([row.position for row in rows], np.int32),
            np.array([row.weight for row in rows], np.float32),
            np.array([np.nan if row.timestamp is None else row.timestamp for row in rows], np.float64),
        )
        return unsorted.take(playlist_order(unsorted.playlist_rows, unsorted.positions))

    def __len__(self) -> int:
        return len(self.playlist_rows)

    def __iter__(self) -> Iterator[Play]:
        """Yield every play in the order of the columns."""
        columns = (self.playlist_rows, self.track_rows, self.positions, self.weights, self.timestamps)
        for playlist, track, position, weight, timestamp in zip(*(column.tolist() for column in columns), strict=True):
            known = None if np.isnan(timestamp) else timestamp
            yield Play(self.playlist_ids[playlist], self.track_ids[track], position, weight, known)

    # ------------------------------------------------------------------------------------------------ filters

    def take(self, rows: Indices | Mask | slice) -> Plays:
        """Return some plays: ascending indices, or a mask. All playlists and tracks stay."""
        return replace(
            self,
            playlist_rows=self.playlist_rows[rows],
            track_rows=self.track_rows[rows],
            positions=self.positions[rows],
            weights=self.weights[rows],
            timestamps=self.timestamps[rows],
        )

    def before(self, time: float | None) -> Plays:
        """Return the plays before `time` (seconds since 1970); plays without a time count as earlier. None: all."""
        return self if time is None else self.take(~(self.timestamps >= time))

    def positive(self) -> Plays:
        """Return the plays with a weight above 0."""
        return self.take(self.weights > 0)

    def binary(self) -> Plays:
        """Return the first positive play of each track in each playlist, with weight 1."""
        positive = self.positive()
        pairs = positive.playlist_rows.astype(np.int64) * len(self.track_ids) + positive.track_rows
        once = positive.take(np.sort(np.unique(pairs, return_index=True)[1]))
        return replace(once, weights=np.ones(len(once), np.float32))

    def for_tracks(self, ids: IdMap) -> Plays:
        """Return the plays of `ids`, whose rows the tracks then have. All playlists stay, possibly empty."""
        if ids == self.track_ids:
            return self
        track_rows = ids.rows(self.track_ids, missing=-1)[self.track_rows]
        kept = track_rows >= 0
        plays = replace(self, track_ids=ids, track_rows=track_rows)
        return plays if kept.all() else plays.take(kept)

    def for_playlists(self, ids: IdMap) -> Plays:
        """Return the plays in `ids`, whose rows the playlists then have; a playlist without plays stays empty."""
        if ids == self.playlist_ids:
            return self
        playlist_rows = ids.rows(self.playlist_ids, missing=-1)[self.playlist_rows]
        kept = replace(self, playlist_ids=ids, playlist_rows=playlist_rows)
        if (playlist_rows < 0).any():
            kept = kept.take(playlist_rows >= 0)
        order = playlist_order(kept.playlist_rows)
        return kept if isinstance(order, slice) else kept.take(order)

    # ------------------------------------------------------------------------------------------------- derived

    @cached_property
    def starts(self) -> Indices:
        """First row of each playlist in the columns, and the end of the last one, (m + 1,)."""
        counts = np.bincount(self.playlist_rows, minlength=len(self.playlist_ids))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @cached_property
    def matrix(self) -> csr_matrix:
        """Summed weights, float32 (playlist, track), indices sorted. It is cached: copy it before changing it."""
        shape = (len(self.playlist_ids), len(self.track_ids))
        # The columns are sorted by row; `sum_duplicates` sorts the tracks within each row.
        matrix = csr_matrix((self.weights, self.track_rows, self.starts), shape=shape, copy=True)
        matrix.sum_duplicates()
        return matrix

    def tracks_of(self, playlist_id: str) -> list[str]:
        """Return the track ids of one playlist in its order; none if there is no such playlist."""
        if playlist_id not in self.playlist_ids:
            return []
        row = self.playlist_ids.row(playlist_id)
        return self.track_ids.take(self.track_rows[self.starts[row] : self.starts[row + 1]])

    def first_played(self) -> dict[str, float]:
        """Return the earliest time, in seconds since 1970, of each track that has one."""
        first = np.full(len(self.track_ids), np.inf)
        np.fmin.at(first, self.track_rows, self.timestamps)
        return {self.track_ids[int(row)]: float(first[row]) for row in np.flatnonzero(first < np.inf)}


def playlist_order(playlist_rows: Rows, positions: NDArray[np.integer] | None = None) -> Indices | slice:
    """Return the stable order by playlist, then by position; a slice of everything if it is in order."""
    if positions is None:
        key: NDArray[np.integer] = playlist_rows
    else:
        lowest = int(positions.min(initial=0))
        span = int(positions.max(initial=0)) - lowest + 1
        if span * (int(playlist_rows.max(initial=0)) + 1) >= 2**63:
            return np.lexsort((positions, playlist_rows)).astype(np.int64)
        key = playlist_rows.astype(np.int64)
        key *= span
        key += positions
        key -= lowest
    if len(key) < 2 or bool((key[1:] >= key[:-1]).all()):
        return slice(None)
    return np.argsort(key, kind="stable")


def order_in_parts(playlist_rows: Rows, key_of: SortKey | None, n_playlists: int) -> Indices | Rows | slice:
    """Return the order of `playlist_order`, for many millions of rows: it takes 4 bytes a row, and is sorted in parts.

    key_of       rows -> the positions by which they are ordered within a playlist; None: they stay as they are
    n_playlists  playlist rows are below it

    A part is consecutive playlists of together at most `PART` rows, or one playlist.
    """
    counts = np.bincount(playlist_rows, minlength=n_playlists)
    ends = np.cumsum(counts)
    if len(playlist_rows) <= PART or len(playlist_rows) >= 2**31:
        return playlist_order(playlist_rows, None if key_of is None else key_of(slice(None)))
    order = np.empty(len(playlist_rows), np.int32)
    first = 0
    while first < n_playlists:
        before = int(ends[first] - counts[first])
        last = max(first + 1, int(np.searchsorted(ends, before + PART, side="right")))
        rows = np.flatnonzero((playlist_rows >= first) & (playlist_rows < last))
        part = playlist_order(playlist_rows[rows], None if key_of is None else key_of(rows))
        order[before : before + len(rows)] = rows[part]
        first = last
    return order


def join_plays(parts: Sequence[Plays]) -> Plays:
    """Return the plays of all `parts`, in this order within a playlist, with playlist ids sorted.

    The positions of a playlist that is in several parts are numbered from 0 anew. The parts share one `track_ids`.
    """
    if len(parts) == 1:
        return parts[0]
    playlist_ids = IdMap(sorted({name for part in parts for name in part.playlist_ids}))
    local = [playlist_ids.rows(part.playlist_ids) for part in parts]
    joined = Plays(
        playlist_ids,
        parts[0].track_ids,
        np.concatenate([rows[part.playlist_rows] for rows, part in zip(local, parts, strict=True)]),
        np.concatenate([part.track_rows for part in parts]),
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.timestamps for part in parts]),
    )
    joined = joined.take(playlist_order(joined.playlist_rows))
    several = np.bincount(np.concatenate(local), minlength=len(playlist_ids)) > 1
    counted = np.arange(len(joined)) - joined.starts[joined.playlist_rows]
    positions = np.where(several[joined.playlist_rows], counted, joined.positions).astype(np.int32)
    return replace(joined, positions=positions)
