"""Convert columns of entries, from a table of playlists or play counts, to plays of the library's tracks.

Each batch of columns is checked and matched as a whole; a TableError names the row of the first invalid entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Rows
from unheard.errors import TableError
from unheard.ids import IdMap
from unheard.plays.imported import Imported
from unheard.plays.matching import UNKNOWN, Matcher
from unheard.plays.plays import Plays, playlist_order
from unheard.plays.readers.columns import Batch, encode_ids
from unheard.plays.readers.values import read_positions, read_timestamps, read_weights

IDS = ("playlist_id", "track_id")
MAX_POSITION = 2**31 - 1


@dataclass
class Entries:
    """Collects the entries of one table, a batch at a time.

    row_of       record -> row number in messages
    label        track id -> name of a miss in reports
    weight_name  name of the weight in the source
    """

    path: Path
    matcher: Matcher
    row_of: Callable[[int], int]
    label: Callable[[str], str]
    skip_unknown: bool
    weight_name: str = "weight"
    misses: dict[str, None] = field(default_factory=dict, init=False)
    _n: int = field(default=0, init=False)
    _playlists: list[Any] = field(default_factory=list, init=False)  # dictionaries of the batches
    _offset: int = field(default=0, init=False)  # first row of the last dictionary
    _columns: dict[str, list[Any]] = field(default_factory=dict, init=False)
    _positioned: bool = field(default=False, init=False)

    def read(self, batches: Iterable[Batch]) -> Imported:
        """Return the plays of all batches."""
        import pyarrow as pa

        known, rows = self.matcher.rows_of_ids()
        self._known, self._rows = pa.array(known, pa.string()), np.append(rows, np.int32(UNKNOWN))
        for batch in batches:
            self._add(batch)
        return self._build()

    def _add(self, batch: Batch) -> None:
        playlists, tracks = (encode_ids(batch[name]) for name in IDS)
        self._check_not_empty(playlists, tracks)
        self._append("track", self._match(tracks))
        if not self._playlists or not playlists.dictionary.equals(self._playlists[-1]):  # the same in a row group
            self._offset += len(self._playlists[-1]) if self._playlists else 0
            self._playlists.append(playlists.dictionary)
        self._append("playlist", playlists.indices.to_numpy() + np.int32(self._offset))
        if "position" in batch:
            self._add_positions(batch["position"])
        if "weight" in batch:
            weights = read_weights(self.path, batch["weight"], self.weight_name, self._row)
            self._append("weight", weights.astype(np.float32))
        if "timestamp" in batch:
            self._append("timestamp", read_timestamps(self.path, batch["timestamp"], "timestamp", self._row))
        self._n += len(tracks)

    def _row(self, record: int) -> int:
        """Return the row number of a record of the current batch."""
        return self.row_of(self._n + record)

    def _append(self, name: str, column: Any) -> None:
        self._columns.setdefault(name, []).append(column)

    def _check_not_empty(self, playlists: Any, tracks: Any) -> None:
        found = [
            (int(np.argmax(rows)), name)
            for rows, name in ((_is_empty(playlists), IDS[0]), (_is_empty(tracks), IDS[1]))
            if rows.any()
        ]
        if found:
            record, name = min(found, key=lambda item: item[0])
            raise TableError(self.path, f"{name} is empty", "give the row both ids", row=self._row(record))

    def _match(self, tracks: Any) -> Rows:
        """Return the row of each track in the library, UNKNOWN or FAILED."""
        import pyarrow.compute as pc

        names, indices = tracks.dictionary, tracks.indices.to_numpy()
        at = pc.fill_null(pc.index_in(names, self._known), -1).to_numpy(zero_copy_only=False)
        rows: Rows = self._rows[at][indices]  # the last one is UNKNOWN
        missed = np.flatnonzero(rows < 0)
        if len(missed):
            unknown = missed[rows[missed] == UNKNOWN]
            if len(unknown) and not self.skip_unknown:
                track_id, row = names[int(indices[unknown[0]])].as_py(), self._row(int(unknown[0]))
                problem = f"track_id {track_id!r} is not in the library"
                raise TableError(self.path, problem, "scan it first or pass --skip-unknown", row=row)
            _, first = np.unique(indices[missed], return_index=True)
            self.misses |= {self.label(names[int(indices[missed[at]])].as_py()): None for at in np.sort(first)}
        return np.asarray(rows, np.int32)

    def _add_positions(self, column: Any) -> None:
        positions, empty = read_positions(self.path, column, "position", self._row)
        if not self._n:
            self._positioned = not empty[0]
        other = np.flatnonzero(empty == self._positioned)
        if len(other):
            problem = "some rows have a position and some do not"
            raise TableError(self.path, problem, "fill in all or none", row=self._row(int(other[0])))
        if self._positioned:
            self._append("position", _narrow(positions))

    # ----------------------------------------------------------------------------------------------- all batches

    def _column(self, name: str) -> Any:
        return np.concatenate(self._columns.pop(name))

    def _build(self) -> Imported:
        playlist_ids, rows_of_names = _distinct(self._playlists)
        playlist_rows = rows_of_names[self._column("playlist")]
        track_rows = self._column("track")
        if self._positioned:
            positions = self._column("position")
            order = playlist_order(playlist_rows, positions)
            positions = positions[order]
        else:
            order = playlist_order(playlist_rows)
        playlist_rows, track_rows = playlist_rows[order], track_rows[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(playlist_rows, minlength=len(playlist_ids)))])
        if self._positioned:
            self._check_positions(playlist_ids, playlist_rows, positions, order)
        if not self._positioned or positions.min() < -MAX_POSITION or positions.max() > MAX_POSITION:
            positions = np.arange(len(playlist_rows)) - starts[playlist_rows]  # keep only the order
        weights = self._column("weight")[order] if "weight" in self._columns else np.ones(self._n, np.float32)
        timestamps = self._column("timestamp")[order] if "timestamp" in self._columns else np.full(self._n, np.nan)
        plays = Plays(
            playlist_ids,
            self.matcher.tracks.ids,
            playlist_rows,
            track_rows,
            positions.astype(np.int32),
            weights,
            timestamps,
        )
        matched = track_rows >= 0
        missed = len(plays) - int(matched.sum())
        return Imported(plays.take(matched) if missed else plays, list(self.misses), missed)

    def _check_positions(self, playlist_ids: IdMap, playlist_rows: Rows, positions: Any, order: Any) -> None:
        """Raise TableError if a playlist has a position twice. The order is stable: earlier records come first."""
        again = np.flatnonzero((playlist_rows[1:] == playlist_rows[:-1]) & (positions[1:] == positions[:-1])) + 1
        if not len(again):
            return
        records = np.arange(self._n)[order]
        at = int(again[np.argmin(records[again])])
        first = self.row_of(int(records[at - 1]))
        problem = (
            f"position {positions[at]} of playlist {playlist_ids[int(playlist_rows[at])]!r} is also in row {first}"
        )
        raise TableError(self.path, problem, "number each playlist's rows", row=self.row_of(int(records[at])))


def _narrow(positions: Doubles) -> Rows:
    """Return positions as int32 if they fit, else as int64."""
    fit = positions.min() >= -MAX_POSITION and positions.max() <= MAX_POSITION
    return positions.astype(np.int32 if fit else np.int64)


def _is_empty(ids: Any) -> Any:
    """Return which of the dictionary-encoded ids are empty."""
    import pyarrow.compute as pc

    return pc.equal(ids.dictionary, "").to_numpy(zero_copy_only=False)[ids.indices.to_numpy()]


def _distinct(dictionaries: list[Any]) -> tuple[IdMap, Rows]:
    """Return all ids of the dictionaries, sorted, and the row of each entry of each dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.chunked_array(dictionaries, pa.string()).combine_chunks()
    distinct = names.unique()
    distinct = distinct.take(pc.array_sort_indices(distinct))
    return IdMap(distinct.to_pylist()), pc.index_in(names, distinct).to_numpy().astype(np.int32)
