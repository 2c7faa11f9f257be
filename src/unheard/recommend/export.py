"""Lists of tracks as files: M3U8 and JSPF for players, CSV and JSON for programs.

M3U8 as players import it: UTF-8 without a byte order mark, LF, `#EXTM3U`, `#EXTINF:<seconds>,<artist> - <title>` (-1
for an unknown length), then the path as it is on disk (no percent signs, no change of its Unicode form), relative to
the playlist's folder, with `/`. JSPF is XSPF in JSON (https://xspf.org/jspf). All are written beside and renamed.

CSV and JSON have the same fields wherever a list is exported (command line, API, pages). What is not known of a track,
such as the score of one that a person put into the list, is empty in CSV and null in JSON.
"""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, cast, get_args

from unheard.artefacts import write_text
from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.recommend.recommend import Reason, Recommendation

Format = Literal["m3u8", "jspf", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
CSV_COLUMNS = ("rank", "track_id", "score", "artist", "title", "album", "duration_s", "path", "why")


@dataclass(frozen=True)
class ListEntry:
    """One track of a list, in the order of the list, with what is known about why it is there."""

    track: Track
    score: float | None = None
    confidence: float | None = None
    why: str = ""
    reasons: tuple[Reason, ...] = ()


def entries_of(found: Iterable[Recommendation], tracks: Tracks) -> list[ListEntry]:
    """Return recommendations as entries; `tracks` are the library that their rows refer to."""
    return [ListEntry(tracks[item.row], item.score, item.confidence, item.why, item.reasons) for item in found]


def export(path: Path, entries: Sequence[ListEntry], *, title: str = "unheard") -> int:
    """Write a list in the format that the suffix of `path` names; return how many tracks the file holds.

    Players' formats leave out tracks without a file (vectors only) or whose path has a line break in it. UserError
    for another suffix names the known ones.
    """
    suffix = path.suffix.lower()
    if suffix.removeprefix(".") not in FORMATS or not suffix:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UserError(f"{path}: the suffix {suffix!r} names no format; use one of {known}")
    format_ = cast("Format", suffix.removeprefix("."))
    write_text(path, as_text(entries, format_, title=title, folder=path.parent))
    return len(_held(entries, format_))


def as_text(entries: Sequence[ListEntry], format: Format, *, title: str, folder: Path | None = None) -> str:  # noqa: A002
    """Return a list as the text of a file.

    folder  where the file will lie, for relative paths in M3U8; None: not known, so paths are absolute
    """
    held = _held(entries, format)
    match format:
        case "m3u8":
            return m3u8(held, folder=folder, title=title)
        case "jspf":
            return jspf(held, title=title)
        case "csv":
            return as_csv(held)
        case "json":
            return _dump(as_json(held))


def m3u8(entries: Sequence[ListEntry], *, folder: Path | None, title: str) -> str:
    """Return an extended M3U playlist that will lie in `folder`; None: its paths are absolute."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(title)}"]
    for track in (entry.track for entry in entries):
        seconds = round(track.duration_s) if track.duration_s > 0 else -1
        path = Path(track.path)
        place = path.absolute().as_posix() if folder is None else relative_path(path, folder)
        lines += [f"#EXTINF:{seconds},{one_line(track.label)}", place]
    return "\n".join(lines) + "\n"


def jspf(entries: Sequence[ListEntry], *, title: str) -> str:
    """Return an XSPF playlist in JSON, with file URIs."""
    listed = []
    for entry in entries:
        track = entry.track
        shown: dict[str, Any] = {"location": [Path(track.path).absolute().as_uri()], "title": track.title}
        optional: dict[str, Any] = {
            "creator": track.artist,
            "album": track.album,
            "duration": round(track.duration_s * 1000),  # in milliseconds
            "annotation": entry.why,
            "identifier": [f"https://musicbrainz.org/recording/{track.mbid}"] if track.mbid else [],
        }
        listed.append(shown | {name: value for name, value in optional.items() if value})
    return _dump({"playlist": {"title": title, "creator": "unheard", "track": listed}})


def as_csv(entries: Sequence[ListEntry]) -> str:
    """Return comma-separated values with a header; what is not known is empty."""
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(as_json(entries))
    return out.getvalue()


def as_json(entries: Sequence[ListEntry]) -> list[dict[str, Any]]:
    """Return a list as plain values."""
    return [
        {
            "rank": rank,
            "track_id": entry.track.track_id,
            "score": entry.score,
            "confidence": entry.confidence,
            "artist": entry.track.artist,
            "title": entry.track.title,
            "album": entry.track.album,
            "duration_s": entry.track.duration_s or None,  # 0: not known
            "path": entry.track.path,
            "why": entry.why,
            "reasons": [
                {"track_id": reason.track_id, "label": reason.label, "similarity": reason.similarity}
                for reason in entry.reasons
            ],
        }
        for rank, entry in enumerate(entries, start=1)
    ]


def one_line(text: str) -> str:
    """Text without line breaks and other control characters, which end or break an M3U line."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text).split())


def relative_path(file: Path, folder: Path) -> str:
    """`file` as seen from `folder`, with `/`; absolute where there is no way from one to the other (other drives)."""
    try:
        way = os.path.relpath(file.absolute(), folder.absolute())
    except ValueError:  # Windows: another drive
        way = str(file.absolute())
    text = PurePath(way).as_posix()
    return f"./{text}" if text.startswith("#") or text != text.strip() else text


def is_playable(track: Track) -> bool:
    """Whether there is a file, and its path fits on one line."""
    return len(track.path.splitlines()) == 1


def _held(entries: Sequence[ListEntry], format: Format) -> list[ListEntry]:  # noqa: A002
    """The entries that a file of a format holds."""
    return [entry for entry in entries if format in ("csv", "json") or is_playable(entry.track)]


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
