"""Read tables of playlists row by row in plain Python: the reference for the reader that works in columns."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.tables import parse_number, parse_weight, read_rows
from unheard.plays import Play
from unheard.plays.matching import Matcher

OPTIONAL = ("position", "weight", "timestamp")


def read_slowly(path: Path, matcher: Matcher, *, skip_unknown: bool) -> tuple[list[Play], list[str], int]:
    """Return the plays ordered by playlist and position, the distinct misses, and the number of misses."""
    plays: list[Play] = []
    misses: list[str] = []
    taken: dict[tuple[str, float], int] = {}
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
        position = float(order[playlist_id])
        if positioned:
            position = parse_number(path, row, "position", position_text)
            if position != int(position) or abs(position) >= 10**15:
                raise TableError(path, f"position is {position_text}", "expected a whole number", row=row)
            if (playlist_id, position) in taken:
                first = taken[playlist_id, position]
                problem = f"position {int(position)} of playlist {playlist_id!r} is also in row {first}"
                raise TableError(path, problem, "number each playlist's rows", row=row)
            taken[playlist_id, position] = row
        order[playlist_id] += 1
        weight = parse_weight(path, row, "weight", values["weight"]) if values["weight"] else 1.0
        timestamp = _timestamp(path, row, values["timestamp"]) if values["timestamp"] else None
        kept, failed = matcher.by_id(track_id), matcher.failed(track_id)
        if kept is not None:
            plays.append(Play(playlist_id, kept, int(position), weight, timestamp))
        elif failed is not None:
            misses.append(f"{track_id} (its file was skipped: {failed.value})")
        elif skip_unknown:
            misses.append(f"{track_id} (unknown)")
        else:
            problem, fix = f"track_id {track_id!r} is not in the library", "scan it first or pass --skip-unknown"
            raise TableError(path, problem, fix, row=row)
    plays.sort(key=lambda play: (play.playlist_id, play.position))
    return plays, list(dict.fromkeys(misses)), len(misses)


def _timestamp(path: Path, row: int, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return parse_number(path, row, "timestamp", text)
    if text.isdigit():
        return float(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
