"""Read the plays of a published data set as batches of columns, whatever their order in its files.

A data set is one `DataSet` in a file of its own: which files are its plays, and how they become columns. Everything
else is shared and is here: tracks that are known by name are matched once each, plays are put in the order of their
times, tracks that are not in the library are counted and take no memory, and partial plays, likes and dislikes have one
rule:

    like                                            a play of weight 1
    play of a share s of the track, s >= min_share  a play of weight min(s, 1)
    play of a smaller share                         a skip: left out and counted
    dislike                                         no play, and no play of this listener and track counts

Memory grows with the plays of tracks in the library (about 32 bytes each), and with the distinct listeners and names
(12 bytes each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Floats, Mask
from unheard.errors import TableError, UserError
from unheard.plays.imported import Imported
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.plays import DISLIKE
from unheard.plays.readers.columns import ColumnBatch
from unheard.plays.readers.entries import MAX_MISSES, Entries
from unheard.plays.readers.known_names import NONE, UNSEEN, KnownNames, name_hashes
from unheard.plays.readers.row_problems import RowProblems

DEFAULT_MIN_SHARE = 0.5  # as in the benchmark of Yambda, whose "listen+" is a play of at least half of the track
SHORT, DISLIKES = "plays of less than {:.0%} of a track (skips)", "dislikes"
NO_TRACK = "\x1a"  # id of a name without a match; no id of a library has control characters


@dataclass
class Reading:
    """What a loader works with while it reads one file.

    min_share  share of a track below which a play is a skip, 0 to 1
    problems   collects what is left out
    known      hash of a name -> row of its track in the library, or -1
    names      playlist id -> title, for data sets with titles
    misses     names of the first tracks without a match
    """

    matcher: Matcher
    min_share: float
    problems: RowProblems
    known: KnownNames = field(default_factory=KnownNames)
    names: dict[str, str] = field(default_factory=dict)
    misses: dict[str, None] = field(default_factory=dict)

    def match(self, keys: Any, reference_of: Callable[[int], TrackReference]) -> Any:
        """Return the track id of each record, dictionary-encoded; names without a match have no track.

        keys          dictionary-encoded texts, equal for records of the same recording
        reference_of  record -> its reference; called once for each recording that is not known yet

        Names match if they are equal but for case, accents and notes; nearly equal ones do not, because among millions
        of names many are nearly equal by chance.
        """
        import pyarrow as pa

        indices = keys.indices.to_numpy()
        used, first = np.unique(indices, return_index=True)
        names = keys.dictionary.take(used).to_pylist()
        hashes = name_hashes(names)
        found = self.known.rows_of(hashes)
        for at in np.flatnonzero(found == UNSEEN).tolist():
            found[at] = self._row(reference_of(int(first[at])))
            self.known.add(int(hashes[at]), int(found[at]))
        rows = np.full(len(keys.dictionary), NONE, np.int32)
        rows[used] = found
        ids = self.matcher.tracks.ids
        distinct, which = np.unique(rows, return_inverse=True)
        dictionary = pa.array([NO_TRACK if row < 0 else ids[row] for row in distinct.tolist()], pa.string())
        return pa.DictionaryArray.from_arrays(which.astype(np.int32)[indices], dictionary)

    def _row(self, reference: TrackReference) -> int:
        found = self.matcher.match(reference, similar=False)
        if found is not None:
            return self.matcher.tracks.ids.row(found)
        if len(self.misses) < MAX_MISSES:
            self.misses[reference.label or "a track without a name"] = None
        return NONE

    def weigh(self, shares: Doubles, *, likes: Mask | None = None, dislikes: Mask | None = None) -> tuple[Floats, Mask]:
        """Return the weight of each record, and which records are kept, by the rule above.

        shares  share of the track that was played, NaN where unknown, which counts as all of it
        """
        likes = np.zeros(len(shares), np.bool_) if likes is None else likes
        dislikes = np.zeros(len(shares), np.bool_) if dislikes is None else dislikes
        shares = np.where(likes | dislikes | np.isnan(shares), 1.0, shares)
        kept = (shares >= self.min_share) & (shares > 0)
        self.leave_out(SHORT.format(self.min_share), int((~kept).sum()))
        self.leave_out(DISLIKES, int(dislikes.sum()))
        return np.where(dislikes, DISLIKE, np.minimum(shares, 1.0)).astype(np.float32), kept

    def leave_out(self, what: str, n: int) -> None:
        """Count records that are no plays."""
        if n:
            self.problems.left_out[what] += n


@dataclass(frozen=True)
class DataSet:
    """One published data set.

    name     as in messages
    is_file  returns whether a file, or a folder, holds plays of it; looks at its name and its beginning only
    read     yields columns: playlist_id, track_id and, if there are any, timestamp, and weight or feedback
    repeats  returns whether other files beside a file hold the same plays, so that a folder is imported without it
    """

    name: str
    is_file: Callable[[Path], bool]
    read: Callable[[Path, Reading], Iterator[ColumnBatch]]
    repeats: Callable[[Path], bool] = lambda _: False


def read_data_set(
    data_set: DataSet,
    path: Path,
    matcher: Matcher,
    *,
    min_share: float = DEFAULT_MIN_SHARE,
    known: KnownNames | None = None,
) -> Imported:
    """Read one file. UserError if `min_share` is out of range, TableError if the file cannot be read or has no plays.

    known  rows of names that were matched before, which files of one data set share
    """
    import pyarrow as pa

    if not 0 <= min_share <= 1:
        raise UserError(f"min share is {min_share}, expected 0 to 1; use 0.5")
    problems = RowProblems(path)
    reading = Reading(matcher, min_share, problems, KnownNames() if known is None else known)

    def rows_of(records: Sequence[int]) -> dict[int, int]:
        return {record: record + 1 for record in records}

    entries = Entries(matcher, problems, rows_of, str, skip_unknown=True, history=True)
    try:
        found = entries.read(data_set.read(path, reading))
    except (pa.ArrowException, TypeError, ValueError) as error:  # a column of another type than the data set has
        raise TableError(path, f"not the layout of {data_set.name} ({error})"[:300], "download it again") from error
    by_name = [name for name in found.misses if name != NO_TRACK]
    misses = [*by_name, *reading.misses]
    names = {name: title for name, title in reading.names.items() if name in found.plays.playlist_ids}
    notes = [*found.notes]
    if len(misses) >= MAX_MISSES:
        notes.append(f"more than {MAX_MISSES:,} tracks have no match; only the first are listed")
    return replace(found, misses=misses, names=names, notes=notes)


def kept_columns(columns: dict[str, Any], kept: Mask) -> ColumnBatch:
    """Return a batch of the records that are kept."""
    import pyarrow as pa

    if not kept.all():
        some = pa.array(np.flatnonzero(kept))
        columns = {name: column.take(some) for name, column in columns.items()}
    return ColumnBatch(columns)
