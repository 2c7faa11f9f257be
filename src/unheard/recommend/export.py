"""Recommendations as files: M3U8 and JSPF for players, CSV and JSON for programs.

M3U8 as players import it: UTF-8 without a byte order mark, LF, `#EXTM3U`, `#EXTINF:<seconds>,<artist> - <title>` (-1
for an unknown length), then the path as it is on disk (no percent signs, no change of its Unicode form), relative to
the playlist's folder, with `/`. JSPF is XSPF in JSON (https://xspf.org/jspf). All are written beside and renamed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from unheard.artefacts import write_text
from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.recommend.recommend import Recommendation

SUFFIXES = (".m3u8", ".jspf", ".csv", ".json")
CSV_COLUMNS = ("rank", "track_id", "score", "artist", "title", "path", "why")


def export(path: Path, found: Sequence[Recommendation], tracks: Tracks, *, title: str = "unheard") -> int:
    """Write recommendations in the format that the suffix of `path` names; returns how many the file holds.

    Players' formats leave out tracks without a file (vectors only) or whose path has a line break in it. UserError
    for another suffix names the known ones.
    """
    playable = [item for item in found if is_playable(tracks[item.row])]
    match path.suffix.lower():
        case ".m3u8":
            write_text(path, m3u8(playable, tracks, folder=path.parent, title=title))
            return len(playable)
        case ".jspf":
            write_text(path, jspf(playable, tracks, title=title))
            return len(playable)
        case ".csv":
            write_text(path, as_csv(found, tracks))
        case ".json":
            write_text(path, _dump(as_json(found, tracks)))
        case suffix:
            raise UserError(f"{path}: the suffix {suffix!r} names no format; use one of {', '.join(SUFFIXES)}")
    return len(found)


def m3u8(found: Sequence[Recommendation], tracks: Tracks, *, folder: Path | None, title: str) -> str:
    """An extended M3U playlist that will lie in `folder`; None: nobody knows where, so its paths are absolute."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(title)}"]
    for item in found:
        track = tracks[item.row]
        seconds = round(track.duration_s) if track.duration_s > 0 else -1
        path = Path(track.path)
        where = path.absolute().as_posix() if folder is None else relative_path(path, folder)
        lines += [f"#EXTINF:{seconds},{one_line(track.label)}", where]
    return "\n".join(lines) + "\n"


def jspf(found: Sequence[Recommendation], tracks: Tracks, *, title: str) -> str:
    """An XSPF playlist in JSON, with file URIs."""
    entries = []
    for item in found:
        track = tracks[item.row]
        entry: dict[str, Any] = {"location": [Path(track.path).absolute().as_uri()], "title": track.title}
        optional: dict[str, Any] = {
            "creator": track.artist,
            "album": track.album,
            "duration": round(track.duration_s * 1000),  # in milliseconds
            "annotation": item.why,
            "identifier": [f"https://musicbrainz.org/recording/{track.mbid}"] if track.mbid else [],
        }
        entries.append(entry | {name: value for name, value in optional.items() if value})
    return _dump({"playlist": {"title": title, "creator": "unheard", "track": entries}})


def as_csv(found: Sequence[Recommendation], tracks: Tracks) -> str:
    """Comma-separated values with a header."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for item in found:
        track = tracks[item.row]
        table.writerow((item.rank, item.track_id, item.score, track.artist, track.title, track.path, item.why))
    return out.getvalue()


def as_json(found: Sequence[Recommendation], tracks: Tracks) -> list[dict[str, Any]]:
    """Recommendations as plain values."""
    return [
        {
            "rank": item.rank,
            "track_id": item.track_id,
            "score": item.score,
            "confidence": item.confidence,
            "artist": tracks[item.row].artist,
            "title": tracks[item.row].title,
            "path": tracks[item.row].path,
            "why": item.why,
            "reasons": [
                {"track_id": reason.track_id, "label": reason.label, "similarity": reason.similarity}
                for reason in item.reasons
            ],
        }
        for item in found
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


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
