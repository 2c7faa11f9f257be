"""Export lists of tracks: M3U8 and JSPF for players, CSV and JSON for programs.

M3U8 is written as players import it: UTF-8 without a byte order mark, LF, `#EXTM3U`, `#EXTINF:<seconds>,<artist> -
<title>` (-1 for an unknown duration), then the path as it is on disk (no percent-encoding, no Unicode normalisation),
relative to the playlist's folder, with `/`. JSPF is XSPF in JSON (https://xspf.org/jspf). Files are written under a
temporary name and renamed.

CSV and JSON have the same fields on the command line, in the API and on pages. Unknown values, such as the score of a
track that a person added to a list, are empty in CSV and null in JSON.
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

from unheard.atomic_files import write_text
from unheard.errors import UserError
from unheard.ingest.spreadsheet_cells import as_cell
from unheard.library import Track, Tracks
from unheard.recommend.reasons import Explanation
from unheard.recommend.recommend import Recommendation

Format = Literal["m3u8", "jspf", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
CSV_COLUMNS = ("rank", "track_id", "score", "artist", "title", "album", "duration_s", "path", "why", "match")


@dataclass(frozen=True)
class ListEntry:
    """One track of a list, with its score and its reasons if they are known."""

    track: Track
    score: float | None = None
    confidence: float | None = None
    why: str = ""
    reasons: tuple[Explanation, ...] = ()
    match: float | None = None


def entries_of(found: Iterable[Recommendation], tracks: Tracks) -> list[ListEntry]:
    """Return recommendations as entries; `tracks` are those of the catalogue that was used."""
    return [
        ListEntry(tracks[item.row], item.score, item.confidence, item.why, item.reasons, item.match) for item in found
    ]


def export(path: Path, entries: Sequence[ListEntry], *, title: str = "unheard") -> int:
    """Write a list in the format of the suffix of `path`; return the number of tracks in the file.

    Formats for players leave out tracks without a file (only vectors) or with a line break in the path. Raise UserError
    for an unknown suffix.
    """
    suffix = path.suffix.lower()
    if suffix.removeprefix(".") not in FORMATS or not suffix:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UserError(f"{path}: unknown suffix {suffix!r}; use one of {known}")
    format_ = cast("Format", suffix.removeprefix("."))
    write_text(path, as_text(entries, format_, title=title, folder=path.parent))
    return len(_exported(entries, format_))


def as_text(entries: Sequence[ListEntry], format: Format, *, title: str, folder: Path | None = None) -> str:  # noqa: A002
    """Return a list as the text of a file.

    folder  the folder of the file, for relative paths in M3U8; None: unknown, so paths are absolute
    """
    exported = _exported(entries, format)
    match format:
        case "m3u8":
            return m3u8(exported, folder=folder, title=title)
        case "jspf":
            return jspf(exported, title=title)
        case "csv":
            return as_csv(exported)
        case "json":
            return _dump(as_json(exported))


def m3u8(entries: Sequence[ListEntry], *, folder: Path | None, title: str) -> str:
    """Return an extended M3U playlist with paths relative to `folder`; None: with absolute paths."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(title)}"]
    for track in (entry.track for entry in entries):
        seconds = round(track.duration_s) if track.duration_s > 0 else -1
        path = Path(track.path)
        location = path.absolute().as_posix() if folder is None else relative_path(path, folder)
        lines += [f"#EXTINF:{seconds},{one_line(track.label)}", location]
    return "\n".join(lines) + "\n"


def jspf(entries: Sequence[ListEntry], *, title: str) -> str:
    """Return an XSPF playlist in JSON, with file URIs."""
    listed = []
    for entry in entries:
        track = entry.track
        required: dict[str, Any] = {"location": [Path(track.path).absolute().as_uri()], "title": track.title}
        optional: dict[str, Any] = {
            "creator": track.artist,
            "album": track.album,
            "duration": round(track.duration_s * 1000),  # in milliseconds
            "annotation": entry.why,
            "identifier": [f"https://musicbrainz.org/recording/{track.mbid}"] if track.mbid else [],
        }
        listed.append(required | {name: value for name, value in optional.items() if value})
    return _dump({"playlist": {"title": title, "creator": "unheard", "track": listed}})


def as_csv(entries: Sequence[ListEntry]) -> str:
    """Return comma-separated values with a header; unknown values are empty, formulas are text."""
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows({name: as_cell(value) for name, value in row.items()} for row in as_json(entries))
    return out.getvalue()


def as_json(entries: Sequence[ListEntry]) -> list[dict[str, Any]]:
    """Return a list as values for JSON; unknown values are None."""
    return [
        {
            "rank": rank,
            "track_id": entry.track.track_id,
            "score": entry.score,
            "confidence": entry.confidence,
            "artist": entry.track.artist,
            "title": entry.track.title,
            "album": entry.track.album,
            "duration_s": entry.track.duration_s or None,  # 0: unknown
            "path": entry.track.path,
            "why": entry.why,
            "match": entry.match,
            "reasons": [
                {"track_id": reason.track_id, "label": reason.label, "similarity": reason.similarity}
                for reason in entry.reasons
            ],
        }
        for rank, entry in enumerate(entries, start=1)
    ]


def one_line(text: str) -> str:
    """Return text without line breaks and other control characters, which end an M3U line."""
    return " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text).split())


def relative_path(file: Path, folder: Path) -> str:
    """Return the path of `file` relative to `folder`, with `/`; the absolute path if they are on different drives."""
    try:
        path = os.path.relpath(file.absolute(), folder.absolute())
    except ValueError:  # Windows: another drive
        path = str(file.absolute())
    text = PurePath(path).as_posix()
    return f"./{text}" if text.startswith("#") or text != text.strip() else text


def is_playable(track: Track) -> bool:
    """Return whether a track has a file whose path has no line break."""
    return len(track.path.splitlines()) == 1


def _exported(entries: Sequence[ListEntry], format: Format) -> list[ListEntry]:  # noqa: A002
    """Return the entries that a format can hold."""
    return [entry for entry in entries if format in ("csv", "json") or is_playable(entry.track)]


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
