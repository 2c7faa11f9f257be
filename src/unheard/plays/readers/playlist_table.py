"""Read playlists from a table with playlist_id, track_id and, optionally, position, weight, timestamp."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unheard.plays.imported import Imported
from unheard.plays.matching import Matcher
from unheard.plays.readers.columns import row_of_record, table_batches
from unheard.plays.readers.entries import IDS, Entries

OPTIONAL = ("position", "weight", "timestamp")


def read_table(path: Path, matcher: Matcher, *, skip_unknown: bool) -> Imported:
    """Read a table in which every row is a play. Without positions, a playlist has the order of its rows.

    A track whose file failed is a miss. An unknown id raises TableError, or is a miss with `skip_unknown`.
    """

    def label(track_id: str) -> str:
        reason = matcher.failed(track_id)
        return f"{track_id} (unknown)" if reason is None else f"{track_id} (its file was skipped: {reason.value})"

    batches = table_batches(path, ids=IDS, optional=OPTIONAL)
    entries = Entries(path, matcher, partial(row_of_record, path), label, skip_unknown=skip_unknown)
    return entries.read(batches)
