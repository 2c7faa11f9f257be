"""Read playlists from a table with playlist_id, track_id and, optionally, position, weight, timestamp."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unheard.plays.imported import Imported
from unheard.plays.matching import Matcher
from unheard.plays.readers.columns import rows_of_records, table_batches
from unheard.plays.readers.entries import IDS, Entries
from unheard.plays.readers.row_problems import RowProblems
from unheard.plays.readers.text_table import read_dialect

OPTIONAL = ("position", "weight", "timestamp")


def read_table(path: Path, matcher: Matcher, *, skip_unknown: bool) -> Imported:
    """Read a table in which every row is a play. Without positions, a playlist has the order of its rows.

    Invalid rows are left out, counted and explained; a track whose file failed is a miss. An unknown id is an invalid
    row, or a miss with `skip_unknown`. TableError if most rows are invalid or if none is a play.
    """

    def label(track_id: str) -> str:
        reason = matcher.failed(track_id)
        return f"{track_id} (unknown)" if reason is None else f"{track_id} (its file was skipped: {reason.value})"

    problems = RowProblems(path)
    batches = table_batches(path, ids=IDS, optional=OPTIONAL, note=problems.note)
    decimal_comma = path.suffix.lower() != ".parquet" and path.is_file() and read_dialect(path).decimal_comma
    entries = Entries(
        matcher, problems, partial(rows_of_records, path), label, skip_unknown=skip_unknown, decimal_comma=decimal_comma
    )
    return entries.read(batches)
