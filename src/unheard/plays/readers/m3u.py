"""Read M3U and M3U8 files: one file is one playlist.

Lines are paths relative to the file, with / or \\, or file:// URLs. `#EXTINF:<seconds>,<artist> - <title>` before a
path has the names to match if the path is in no library. `#EXTENC:` names the encoding, `#PLAYLIST:` the title.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from unheard.errors import TableError
from unheard.ingest.text_files import MAX_LIST_BYTES, read_whole
from unheard.plays.imported import Imported
from unheard.plays.listed import ListedFile, ListedTrack, label_reference, match_listed, n_matches
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.legacy_text import decode_text

SUFFIXES = frozenset({".m3u", ".m3u8"})
MADE_BY_UNHEARD = "#UNHEARD-LIST"  # a line near the start of lists that `unheard go` writes; they are not imported
QUOTES = "\"'“”"
# Attributes of IPTV lists between the seconds and the comma may hold commas in quotes.
LABEL = re.compile(r'#EXTINF:\s*-?[\d.]*(?:\s+[\w-]+="[^"]*")*\s*,?(.*)', re.IGNORECASE)


def read_m3u(path: Path, playlist_id: str, matcher: Matcher) -> Imported:
    """Read and match the entries in order. An entry without a match leaves a gap in the positions."""
    return match_listed(read_m3u_entries(path, matcher), {"": playlist_id}, matcher)


def read_m3u_entries(path: Path, matcher: Matcher) -> ListedFile:
    """Read the entries in order. TableError if the file cannot be read or is not text."""

    text, encoding = read_text(path, lambda text: n_matches(_parse(path, text).tracks, matcher))
    if text.lstrip()[:9].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise TableError(path, "not a list of paths but a web page or XML", "download the playlist again")
    found = _parse(path, text)
    if not found.tracks:
        found.notes.append(f"{path.name} has no entries")
    if not encoding.startswith("utf"):
        found.notes.append(f"{path.name} is not UTF-8; it was read as {encoding}")
    return found


def is_made_by_unheard(path: Path) -> bool:
    """Return whether `unheard go` wrote a list; importing it would make its own recommendations evidence."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            return f"\n{MADE_BY_UNHEARD}\n".encode() in file.read(1000)
    except OSError:
        return False


def read_text(path: Path, score: Callable[[str], int]) -> tuple[str, str]:
    """Return the text of a list and its encoding; if that is unknown, the one whose text has the best score."""
    try:
        return decode_text(read_whole(path, MAX_LIST_BYTES), score)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    except ValueError:
        raise TableError(path, "not UTF-8 and not text in another encoding", "save the file as UTF-8") from None


def _parse(path: Path, text: str) -> ListedFile:
    found, label = ListedFile(), TrackReference()
    for line in re.split(r"\r\n|\r|\n", text):  # splitlines() would also split at U+2028
        line = line.strip().strip("\0\ufeff")
        if match := LABEL.fullmatch(line):
            label = label_reference(match[1])
        elif line.upper().startswith("#PLAYLIST:"):
            found.title = line[10:].strip()
        elif line and not line.startswith("#"):
            reference = TrackReference(
                path=absolute_path(path, line), artist=label.artist, title=label.title, either_order=label.either_order
            )
            found.tracks.append(ListedTrack(reference))
            label = TrackReference()
    return found


def absolute_path(playlist: Path, line: str) -> str:
    """Return the absolute path of a line; of a URL with another scheme than file, the URL."""
    if len(line) > 1 and line[0] in QUOTES and line[-1] in QUOTES:
        line = line[1:-1].strip()
    if line.lower().startswith("file:"):
        local = unquote(re.sub(r"^//localhost/", "/", line[5:], flags=re.IGNORECASE))
        local = "/" + local.lstrip("/")
        return local[1:] if local[2:3] == ":" else local  # file:///C:/Music
    line = line.replace("\\", "/")
    if "://" in line or line.startswith("/") or line[1:2] == ":":
        return line
    return f"{playlist.absolute().parent.as_posix()}/{line}"
