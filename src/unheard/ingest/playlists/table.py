"""Playlists as a table: playlist_id, track_id and, optionally, position, weight, timestamp."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.playlists.imported import Collected, Imported
from unheard.ingest.playlists.matching import Matcher
from unheard.ingest.tables import column_names, parse_number, parse_weight, read_rows

MAX_DIGITS = 15  # of a position: what floating-point numbers hold exactly
OPTIONAL = ("position", "weight", "timestamp")


def read_table(path: Path, matcher: Matcher, *, skip_unknown: bool) -> Imported:
    """Every row is a play. Without positions, the order of the rows is the order of a playlist.

    A track whose file failed is a miss; an id that nothing is known of is a TableError, or a miss with `skip_unknown`.
    """
    found = Collected()
    taken: set[tuple[str, str | int]] = set()
    order: Counter[str] = Counter()
    positioned: bool | None = None
    for row, values in read_rows(path, required=("playlist_id", "track_id"), optional=OPTIONAL):
        playlist_id, track_id, position_text = values["playlist_id"], values["track_id"], values["position"]
        if not playlist_id or not track_id:
            empty = "track_id" if playlist_id else "playlist_id"
            raise TableError(path, f"{empty} is empty", "give the row both ids", row=row)
        if positioned is None:
            positioned = bool(position_text)
        elif positioned != bool(position_text):
            raise TableError(path, "some rows have a position and some do not", "fill in all or none", row=row)
        position = _position(path, row, position_text) if positioned else order[playlist_id]
        if positioned:
            if (playlist_id, position) in taken:
                first = _first_row(path, playlist_id, position)
                problem = f"position {position} of playlist {playlist_id!r} is also in row {first}"
                raise TableError(path, problem, "number each playlist's rows", row=row)
            taken.add((playlist_id, position))
        else:
            order[playlist_id] += 1
        weight = parse_weight(path, row, "weight", values["weight"]) if values["weight"] else 1.0
        timestamp = _timestamp(path, row, values["timestamp"]) if values["timestamp"] else None
        kept = matcher.by_id(track_id)
        if kept is not None:
            found.add(playlist_id, kept, position, weight, timestamp)
        elif (reason := matcher.failed(track_id)) is not None:
            found.miss(f"{track_id} (its file was skipped: {reason.value})")
        elif skip_unknown:
            found.miss(f"{track_id} (unknown)")
        else:
            raise TableError(
                path, f"track_id {track_id!r} is not in the library", "scan it first or pass --skip-unknown", row=row
            )
    return found.done()


def is_playlist_table(path: Path) -> bool:
    """Whether a table has the columns of playlists."""
    return {"playlist_id", "track_id"} <= set(column_names(path))


def _position(path: Path, row: int, text: str) -> int:
    if text.isdecimal() and len(text) < MAX_DIGITS:
        return int(text)
    number = parse_number(path, row, "position", text)
    if number != int(number) or abs(number) >= 10**MAX_DIGITS:
        raise TableError(path, f"position is {text}", "expected a whole number", row=row)
    return int(number)


def _timestamp(path: Path, row: int, text: str) -> float:
    """Seconds since 1970, or an ISO 8601 date or time (UTC unless it says otherwise)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return parse_number(path, row, "timestamp", text)
    if text.isdigit():  # 8 digits would also be a date
        return float(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _first_row(path: Path, playlist_id: str, position: int) -> int:
    for row, values in read_rows(path, required=("playlist_id", "track_id"), optional=OPTIONAL):
        if values["playlist_id"] == playlist_id and _position(path, row, values["position"]) == position:
            return row
    return 1
