"""Convert columns of entries, from a table of playlists or play counts, to plays of the library's tracks.

Each batch of columns is checked and matched as a whole. Invalid rows are left out; the first are explained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Mask, Rows
from unheard.errors import TableError
from unheard.ids import IdMap, id_problem
from unheard.plays.imported import Imported
from unheard.plays.matching import UNKNOWN, Matcher
from unheard.plays.plays import Plays, SortKey, order_in_parts
from unheard.plays.readers.columns import ColumnBatch, encode_ids
from unheard.plays.readers.growing_column import GrowingColumn
from unheard.plays.readers.row_problems import RowProblems, RowsOf
from unheard.plays.readers.times import plausible
from unheard.plays.readers.values import Values, read_positions, read_timestamps, read_weights

IDS = ("playlist_id", "track_id")
MAX_POSITION = 2**31 - 1
MAX_MISSES = 100_000  # tracks without a match that are listed by name
Explain = Callable[[int], TableError]


@dataclass
class Entries:
    """Collects the entries of one table, a batch at a time.

    rows_of        records -> row numbers in messages
    label          track id -> name of a miss in reports
    weight_name    name of the weight in the source
    needs_weight   whether an empty weight is an error; otherwise it is 1
    decimal_comma  whether a comma in a number is certainly decimal
    history        whether the rows are plays in any order: they are sorted by time, and tracks without a match leave no
                   gap in the positions, so they need no memory. Weights in a column `feedback` are used as they are
    """

    matcher: Matcher
    problems: RowProblems
    rows_of: RowsOf
    label: Callable[[str], str]
    skip_unknown: bool
    weight_name: str = "weight"
    needs_weight: bool = False
    decimal_comma: bool = False
    history: bool = False
    misses: dict[str, None] = field(default_factory=dict, init=False)
    _n: int = field(default=0, init=False)  # records so far
    _missed: int = field(default=0, init=False)  # records of a history without a match
    _numbered: list[tuple[int, Any]] = field(default_factory=list, init=False)  # first record, row numbers of a batch
    _playlists: list[Any] = field(default_factory=list, init=False)  # dictionaries of the batches
    _offset: int = field(default=0, init=False)  # first row of the last dictionary
    _columns: dict[str, GrowingColumn] = field(default_factory=dict, init=False)
    _positioned: bool | None = field(default=None, init=False)

    def read(self, batches: Iterable[ColumnBatch]) -> Imported:
        """Return the plays of all batches. TableError if there are none, or if most rows are invalid."""
        import pyarrow as pa

        known, rows = self.matcher.rows_of_ids()
        self._known, self._rows = pa.array(known, pa.string()), np.append(rows, np.int32(UNKNOWN))
        for batch in batches:
            self._add(batch)
        found = self._build() if "track" in self._columns else None
        first = self.problems.first(self._row_numbers)
        self.problems.check(first, n_plays=0 if found is None else found.matched + found.missed)
        assert found is not None
        return found if not first else self._with_reasons(found, first)

    def _add(self, batch: ColumnBatch) -> None:
        playlists, tracks = (encode_ids(batch.columns[name]) for name in IDS)
        if batch.rows is not None:
            self._numbered.append((self._n, batch.rows))
        kept = self._without_blank(batch, playlists, tracks)
        rows = self._match(tracks)
        kept = self._check_ids(playlists, tracks, rows, kept)
        numbers, kept = self._numbers(batch, kept)
        self._note_misses(tracks, rows, kept)
        if self.history:
            self._missed += int((kept & (rows < 0)).sum())
            kept = kept & (rows >= 0)
        at = slice(None) if kept.all() else np.flatnonzero(kept)
        self._append("track", rows[at])
        if not self._playlists or not playlists.dictionary.equals(self._playlists[-1]):  # the same in a row group
            self._offset += len(self._playlists[-1]) if self._playlists else 0
            self._playlists.append(playlists.dictionary)
        self._append("playlist", playlists.indices.to_numpy()[at] + np.int32(self._offset))
        for name, column in numbers.items():
            self._append(name, column[at])
        if "position" in numbers:
            self._append("record", np.arange(self._n, self._n + len(kept))[at])
        self._n += len(kept)

    def _append(self, name: str, column: Any) -> None:
        self._columns.setdefault(name, GrowingColumn()).append(column)

    # ------------------------------------------------------------------------------------------------ checks

    def _without_blank(self, batch: ColumnBatch, playlists: Any, tracks: Any) -> Mask:
        """Return which records of a batch are not blank."""
        blank: Mask = _is_empty(playlists) & _is_empty(tracks)
        if blank.any():
            some = np.flatnonzero(blank)
            for name in batch.columns.keys() - set(IDS):
                cells = batch.columns[name].take(some).to_pylist()
                blank[some] &= [cell is None or not str(cell).strip() for cell in cells]
            self.problems.left_out["blank rows"] += int(blank.sum())
        self.problems.rows += len(blank) - int(blank.sum())
        return ~blank

    def _refuse(self, kept: Mask, invalid: Mask, explain: Explain) -> Mask:
        """Note the invalid records that were valid so far; return which records still are."""
        found = np.flatnonzero(kept & invalid)
        if not len(found):
            return kept
        start = self._n
        self.problems.note_records(found + start, lambda record: explain(record - start))
        return kept & ~invalid

    def _check_ids(self, playlists: Any, tracks: Any, rows: Rows, kept: Mask) -> Mask:
        path = self.problems.path
        for name, ids in zip(IDS, (playlists, tracks), strict=True):
            error = TableError(path, f"{name} is empty", "give the row both ids")
            kept = self._refuse(kept, _is_empty(ids), lambda _, error=error: error)  # type: ignore[misc]
        problems = [id_problem(name) if name else "" for name in playlists.dictionary.to_pylist()]
        if any(problems):

            def invalid(record: int) -> TableError:
                problem = f"playlist_id {problems[playlists.indices[record].as_py()]}"
                return TableError(path, problem, "give the playlist another id")

            refused = np.array([bool(problem) for problem in problems])
            kept = self._refuse(kept, refused[playlists.indices.to_numpy()], invalid)
        if self.skip_unknown:
            return kept

        def unknown(record: int) -> TableError:
            problem = f"track_id {tracks[record].as_py()!r} is not in the library"
            return TableError(path, problem, "scan it first or pass --skip-unknown")

        return self._refuse(kept, rows == UNKNOWN, unknown)

    def _match(self, tracks: Any) -> Rows:
        """Return the row of each track in the library, UNKNOWN or FAILED."""
        import pyarrow.compute as pc

        at = pc.fill_null(pc.index_in(tracks.dictionary, self._known), -1).to_numpy(zero_copy_only=False)
        return np.asarray(self._rows[at][tracks.indices.to_numpy()], np.int32)  # the last one is UNKNOWN

    def _note_misses(self, tracks: Any, rows: Rows, kept: Mask) -> None:
        missed = np.flatnonzero(kept & (rows < 0))
        if len(missed) and len(self.misses) < MAX_MISSES:
            indices = tracks.indices.to_numpy()[missed]
            _, first = np.unique(indices, return_index=True)
            names = tracks.dictionary
            self.misses |= {self.label(names[int(indices[at])].as_py()): None for at in np.sort(first)}

    def _numbers(self, batch: ColumnBatch, kept: Mask) -> tuple[dict[str, Any], Mask]:
        """Return the columns of numbers that the batch has, and which records are still valid."""
        path, columns, numbers = self.problems.path, batch.columns, dict[str, Any]()
        if "position" in columns:
            positions = read_positions(path, columns["position"], "position")
            kept = self._check_positioned(positions, kept)
            if self._positioned:
                kept = self._refuse(kept, positions.refused, positions.explain)
                numbers["position"] = _narrow(np.where(kept, positions.numbers, 0))
        if "weight" in columns:
            weights = read_weights(path, columns["weight"], self.weight_name, decimal_comma=self.decimal_comma)
            kept = self._refuse(kept, weights.refused | (weights.empty & self.needs_weight), weights.explain)
            zero = kept & (weights.numbers == 0)
            if zero.any():
                self.problems.left_out[f"rows with {self.weight_name} 0"] += int(zero.sum())
                kept = kept & ~zero
            numbers["weight"] = np.where(weights.empty | ~kept, 1.0, weights.numbers).astype(np.float32)
        if "feedback" in columns:
            numbers["weight"] = columns["feedback"].to_numpy()
        if "timestamp" in columns:
            times = read_timestamps(path, columns["timestamp"], "timestamp")
            kept = self._refuse(kept, times.refused, times.explain)
            numbers["timestamp"] = np.where(times.numbers == 0, np.nan, times.numbers)  # 0: unknown
        return numbers, kept

    def _check_positioned(self, positions: Values, kept: Mask) -> Mask:
        """Refuse records with a position if the first record has none, and the other way round."""
        if self._positioned is None and kept.any():
            self._positioned = not bool(positions.empty[np.argmax(kept)])
        problem = TableError(self.problems.path, "some rows have a position and some do not", "fill in all or none")
        return self._refuse(kept, positions.empty == bool(self._positioned), lambda _: problem)

    # ----------------------------------------------------------------------------------------------- all batches

    def _build(self) -> Imported:
        playlist_ids, rows_of_names = _distinct(self._playlists)
        columns: dict[str, Any] = {name: self._columns.pop(name).values for name in list(self._columns)}
        columns["playlist"] = rows_of_names[columns["playlist"]]
        order = order_in_parts(columns["playlist"], self._sort_key(columns), len(playlist_ids))
        if not isinstance(order, slice):
            for name in columns:  # one after the other, to hold one column twice and not all
                columns[name] = columns[name][order]
        del order
        if "record" in columns:
            unique = self._with_unique_positions(playlist_ids, columns)
            columns = columns if unique.all() else {name: column[unique] for name, column in columns.items()}
        playlist_rows, n = columns["playlist"], len(columns["playlist"])
        positions = columns.get("position")
        if positions is None or (n and (positions.min() < -MAX_POSITION or positions.max() > MAX_POSITION)):
            starts = np.concatenate([[0], np.cumsum(np.bincount(playlist_rows, minlength=len(playlist_ids)))])
            positions = np.arange(n, dtype=np.int32)  # keep only the order
            positions -= starts.astype(np.int32)[playlist_rows]
        timestamps, note = plausible(columns.get("timestamp", np.full(n, np.nan)))
        plays = Plays(
            playlist_ids,
            self.matcher.tracks.ids,
            playlist_rows,
            columns["track"],
            positions.astype(np.int32, copy=False),
            columns.get("weight", np.ones(n, np.float32)),
            timestamps,
        )
        matched = plays.track_rows >= 0
        missed = n - int(matched.sum())
        self._missed += missed
        notes = [note] if note else []
        left_out = {what: count for what, count in self.problems.left_out.items() if count}
        kept = plays.take(matched) if missed else plays
        return Imported(kept, list(self.misses), self._missed, left_out=left_out, notes=notes)

    def _sort_key(self, columns: dict[str, Any]) -> SortKey | None:
        """Return the whole numbers that order some rows of playlists; None: the order of the rows."""
        if "position" in columns:
            return lambda rows: columns["position"][rows]
        if not self.history or "timestamp" not in columns:
            return None
        # seconds up to 2100; unknown times first
        return lambda rows: np.nan_to_num(columns["timestamp"][rows], nan=0.0).astype(np.uint32)

    def _with_reasons(self, found: Imported, first: list[TableError]) -> Imported:
        return replace(found, invalid=self.problems.invalid, reasons=first)

    def _with_unique_positions(self, playlist_ids: IdMap, columns: dict[str, Any]) -> Mask:
        """Return which rows have a position of their own; the first row of a position counts. The order is stable."""
        playlists, positions, records = (columns[name] for name in ("playlist", "position", "record"))
        unique = np.ones(len(playlists), np.bool_)
        unique[1:] = (playlists[1:] != playlists[:-1]) | (positions[1:] != positions[:-1])
        again = np.flatnonzero(~unique)
        if len(again):

            def explain(record: int) -> TableError:
                at = int(np.flatnonzero(records == record)[0])
                first = int(records[np.flatnonzero(unique[:at])[-1]])
                where = f"position {positions[at]} of playlist {playlist_ids[int(playlists[at])]!r}"
                problem = f"{where} is also in row {self._row_numbers([first]).get(first, first)}"
                return TableError(self.problems.path, problem, "number each playlist's rows")

            self.problems.note_records(np.sort(records[again]), explain)
        return unique

    def _row_numbers(self, records: Any) -> dict[int, int]:
        """Return the row number of each record."""
        found: dict[int, int] = {}
        for start, rows in self._numbered:
            found |= {record: int(rows[record - start]) for record in records if 0 <= record - start < len(rows)}
        rest = [record for record in records if record not in found]
        return found | (self.rows_of(rest) if rest else {})


def _narrow(positions: Doubles) -> Rows:
    """Return positions as int32 if they fit, else as int64."""
    fit = positions.min(initial=0) >= -MAX_POSITION and positions.max(initial=0) <= MAX_POSITION
    return positions.astype(np.int32 if fit else np.int64)


def _is_empty(ids: Any) -> Mask:
    """Return which of the dictionary-encoded ids are empty."""
    import pyarrow.compute as pc

    empty = pc.equal(ids.dictionary, "").to_numpy(zero_copy_only=False)
    return np.asarray(empty[ids.indices.to_numpy()], np.bool_)


def _distinct(dictionaries: list[Any]) -> tuple[IdMap, Rows]:
    """Return all ids of the dictionaries, sorted, and the row of each entry of each dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pa.chunked_array(dictionaries, pa.string()).combine_chunks()
    distinct = names.unique()
    distinct = distinct.take(pc.array_sort_indices(distinct))
    return IdMap(distinct.to_pylist()), pc.index_in(names, distinct).to_numpy().astype(np.int32)
