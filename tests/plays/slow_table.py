"""Read tables of playlists row by row in plain Python: the reference for the reader that works in columns."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from unheard.plays import Play
from unheard.plays.matching import Matcher

NAMES = ("playlist_id", "track_id", "position", "weight", "timestamp")
ParseTime = Callable[[str], float | None]  # seconds since 1970, None for unknown; ValueError for no time


@dataclass
class SlowResult:
    """Plays ordered by playlist and position, misses, rows that are invalid with the reason, and other rows."""

    plays: list[Play] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    invalid: list[tuple[int, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    @property
    def fails(self) -> bool:
        return 2 * len(self.invalid) > self.rows or not (self.plays or self.misses)


class RowError(Exception):
    """A row is invalid."""


class NoPlay(Exception):  # noqa: N818 - not an error
    """A row holds no play."""


def read_slowly(path: Path, matcher: Matcher, parse_time: ParseTime, *, skip_unknown: bool) -> SlowResult:
    """Read a well-formed CSV or parquet table."""
    found = SlowResult()
    taken: dict[tuple[str, float], int] = {}
    order: Counter[str] = Counter()
    late = False  # some times are certainly seconds since 1970, so that small numbers are not
    positioned: bool | None = None
    for row, cells in _rows(path):
        values = dict.fromkeys(NAMES, "") | cells
        if not any(values.values()):
            found.left_out["blank rows"] += 1
            continue
        found.rows += 1
        try:
            playlist_id, track_id = values["playlist_id"], values["track_id"]
            if not playlist_id or not track_id:
                raise RowError("playlist_id is empty" if not playlist_id else "track_id is empty")
            kept, failed = matcher.by_id(track_id), matcher.failed(track_id)
            if kept is None and failed is None and not skip_unknown:
                raise RowError(f"track_id {track_id!r} is not in the library")
            if positioned is None:
                positioned = bool(values["position"])
            if positioned != bool(values["position"]):
                raise RowError("some rows have a position and some do not")
            position = _position(values["position"]) if positioned else 0.0
            weight = _weight(values["weight"])
            time = _time(values["timestamp"], parse_time)
            if positioned and (playlist_id, position) in taken:
                first = taken[playlist_id, position]
                raise RowError(f"position {int(position)} of playlist {playlist_id!r} is also in row {first}")
            taken[playlist_id, position] = row
        except RowError as error:
            found.invalid.append((row, str(error)))
            continue
        except NoPlay:
            found.left_out["rows with weight 0"] += 1
            continue
        position = position if positioned else float(order[playlist_id])
        order[playlist_id] += 1
        late |= time is not None and time >= 1e8
        if kept is not None:
            found.plays.append(Play(playlist_id, kept, int(position), weight, time))
        else:
            why = "unknown" if failed is None else f"its file was skipped: {failed.value}"
            found.misses.append(f"{track_id} ({why})")
    if late:
        found.plays = [
            play._replace(timestamp=None) if play.timestamp is not None and play.timestamp < 1e8 else play
            for play in found.plays
        ]
    found.plays.sort(key=lambda play: (play.playlist_id, play.position))
    return found


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    if path.suffix == ".parquet":
        for number, cells in enumerate(pq.read_table(path).to_pylist(), start=1):
            yield number, {name: "" if cell is None else str(cell).strip() for name, cell in cells.items()}
        return
    reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    header = None
    for fields in reader:
        texts = [text.strip() for text in fields]
        if header is None:
            header = texts or None
        elif fields:
            yield reader.line_num, dict(zip(header, texts, strict=True))


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise RowError(f"{name} is {text!r}") from None
    if not math.isfinite(number):
        raise RowError(f"{name} is {text}")
    return number


def _position(text: str) -> float:
    number = _number("position", text)
    if number != int(number) or abs(number) >= 10**15:
        raise RowError(f"position is {text}")
    return number


def _weight(text: str) -> float:
    weight = _number("weight", text) if text else 1.0
    if weight < 0 or weight >= 3e38 or 0 < weight < 1e-45:
        raise RowError(f"weight is {text}")
    if not weight:
        raise NoPlay
    return weight


def _time(text: str, parse_time: ParseTime) -> float | None:
    try:
        return parse_time(text)
    except ValueError:
        raise RowError(f"timestamp is {text!r}") from None
