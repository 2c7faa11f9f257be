"""Read title, artists, album, identifiers, date and genre from a file's ID3, Vorbis, MP4 or ASF tags.

Invalid tags never raise an error, because the file's audio may still be usable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unheard.library import Track

MAX_CHARACTERS = 1000

# Field of Track -> keys of each tag format, best first. Vorbis keys are case-insensitive in mutagen.
KEYS: dict[str, tuple[str, ...]] = {
    "title": ("TIT2", "title", "\xa9nam", "Title"),
    "artist": ("TPE1", "artist", "\xa9ART", "Author", "TPE2", "albumartist", "aART", "WM/AlbumArtist"),
    "album": ("TALB", "album", "\xa9alb", "WM/AlbumTitle"),
    "isrc": ("TSRC", "isrc", "----:com.apple.iTunes:ISRC", "WM/ISRC"),
    "mbid": (
        "UFID:http://musicbrainz.org", "musicbrainz_trackid", "----:com.apple.iTunes:MusicBrainz Track Id",
        "MusicBrainz/Track Id",
    ),
    "release_date": ("TDRC", "TDRL", "TDOR", "date", "year", "\xa9day", "WM/Year"),
    "genre": ("TCON", "genre", "\xa9gen", "WM/Genre"),
}  # fmt: skip

# "A feat. B", "A (ft. B)", "A; B". Neither "&" nor "," nor "/": those are parts of names (AC/DC, Earth, Wind & Fire).
CREDIT_SEPARATOR = re.compile(r"\s*[;\0]\s*|\s*[(\[]?\s*\b(?:feat|ft|featuring)\b\.?\s+", re.IGNORECASE)


def read_tags(path: Path) -> Track:
    """Return a Track with the fields of the file's tags; `track_id` is empty, the title defaults to the file's stem."""
    values = _read(path)
    fields = {name: clean(next(iter(values.get(name, ())), "")) for name in KEYS if name != "artist"}
    return Track(
        track_id="",
        path=str(path),
        title=fields["title"] or clean(path.stem),
        artists=credited_artists(values.get("artist", ())),
        album=fields["album"],
        isrc=fields["isrc"].replace("-", "").upper(),
        mbid=fields["mbid"].lower(),
        release_date=fields["release_date"],
        genre=fields["genre"],
    )


def credited_artists(names: Iterable[str]) -> tuple[str, ...]:
    """Return all credited artists of one or more artist fields, main artist first, without duplicates."""
    parts = (clean(part) for name in names for part in CREDIT_SEPARATOR.split(name))
    found = (part[:-1].rstrip() if part[-1:] in ")]" and not set("([") & set(part) else part for part in parts)
    return tuple(dict.fromkeys(name for name in found if name))


def clean(text: str) -> str:
    """Return text without control characters, surrogates and outer blanks, NFC, at most 1,000 characters."""
    kept = "".join(c if unicodedata.category(c) not in {"Cc", "Cs"} else " " for c in text[: 4 * MAX_CHARACTERS])
    return " ".join(unicodedata.normalize("NFC", kept).split())[:MAX_CHARACTERS].strip()


def _read(path: Path) -> dict[str, list[str]]:
    import mutagen

    try:
        file = mutagen.File(path)
        tags = file.tags if file is not None else None
        if not tags:
            return {}
        return {name: _texts(tags, keys) for name, keys in KEYS.items()}
    except Exception:  # noqa: BLE001 - damaged tags make mutagen raise any exception
        return {}


def _texts(tags: Any, keys: Iterable[str]) -> list[str]:
    """Return every non-empty text of the first key that has one."""
    for key in keys:
        try:
            value = tags[key]
        except (KeyError, ValueError):  # Vorbis refuses keys that are not ASCII
            continue
        texts = [text for text in map(_text, _values(value)) if clean(text)]
        if texts:
            return texts
    return []


def _values(value: Any) -> list[Any]:
    """Return the values of one tag: ID3 frames have them in `text` or `data`, other tags are lists."""
    if hasattr(value, "genres"):
        return list(value.genres)
    if hasattr(value, "text"):
        return list(value.text)
    if hasattr(value, "data"):
        return [value.data]
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    value = getattr(value, "value", value)  # ASF wraps each value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
