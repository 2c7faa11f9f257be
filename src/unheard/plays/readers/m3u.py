"""Read M3U and M3U8 files: one file is one playlist.

Lines are paths relative to the file, with / or \\, or file:// URLs. `#EXTINF:<seconds>,<artist> - <title>` before a
path has the names to match if the path is in no library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from unheard.errors import TableError
from unheard.plays.imported import ImportBuilder, Imported
from unheard.plays.matching import Matcher, TrackReference

SUFFIXES = frozenset({".m3u", ".m3u8"})


UNUSED_IN_CP1252 = {0x81, 0x8D, 0x8F, 0x90, 0x9D}  # bytes that text in the encoding of Windows does not have


def read_m3u(path: Path, playlist_id: str, matcher: Matcher) -> Imported:
    """Read the entries in order. An entry without a match leaves a gap in the positions."""
    found = ImportBuilder()
    for position, reference in enumerate(_entries(path)):
        track_id = matcher.match(reference)
        if track_id is None and "%" in reference.path:
            track_id = matcher.match(TrackReference(path=unquote(reference.path)))
        if track_id is None:
            found.miss(reference.label)
        else:
            found.add(playlist_id, track_id, position)
    return found.build()


def _entries(path: Path) -> Iterator[TrackReference]:
    artist = title = ""
    for line in re.split(r"\r\n|\r|\n", _text(path)):  # splitlines() would also split at U+2028
        line = line.strip().strip("\0")
        if line.upper().startswith("#EXTINF:"):
            label = line.partition(",")[2].strip()
            artist, dash, title = (part.strip() for part in label.partition(" - "))
            artist, title = (artist, title) if dash else ("", label)
        elif line and not line.startswith("#"):
            yield TrackReference(path=_absolute(path, line), artist=artist, title=title)
            artist = title = ""


def _absolute(playlist: Path, line: str) -> str:
    """Return the absolute path of a line; of a URL with another scheme than file, the URL."""
    if line.lower().startswith("file:"):
        local = unquote(line[5:])
        local = "/" + local.lstrip("/")
        return local[1:] if local[2:3] == ":" else local  # file:///C:/Music
    line = line.replace("\\", "/")
    if "://" in line or line.startswith("/") or line[1:2] == ":":
        return line
    return f"{playlist.absolute().parent.as_posix()}/{line}"


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if path.suffix.lower() == ".m3u":
            return data.decode("cp1252" if not UNUSED_IN_CP1252 & set(data) else "latin-1")
        row = data[: error.start].count(b"\n") + 1
        raise TableError(path, "not UTF-8", "save the file as UTF-8, or name it .m3u", row=row) from None
