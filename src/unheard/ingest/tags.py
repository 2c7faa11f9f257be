"""Read title, artists, album, identifiers, date and genres of a file from its tags, and from its name where they lack.

Invalid tags never raise an error, because the file's audio may still be usable.

    genres        all values, joined by "; "; numbers of ID3 become names
    release_date  the first value with a year, as YYYY, YYYY-MM or YYYY-MM-DD
    artists       of the track; if there are none, the album artist, unless the album is a compilation; then the name
                  of the file (see file_names.py). "Various Artists" is never the artist of a track.
    album_artist  "Various Artists" for a compilation without one
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unheard.artist_names import is_various
from unheard.bounded_text import MAX_CHARACTERS, bounded
from unheard.ingest.file_names import NameGuess, guess, guess_from_stem
from unheard.ingest.release_dates import iso_date
from unheard.ingest.tag_fields import read_fields
from unheard.library import Track

VARIOUS_ARTISTS = "Various Artists"

# Both for texts with single blanks.
# "A feat. B", "A (ft. B)", "A; B". Neither "&" nor "," nor "/": those are parts of names (AC/DC, Earth, Wind & Fire).
CREDIT_SEPARATOR = re.compile(r"[;\0]|[(\[]?\s?\b(?:feat|ft|featuring)\b\.?\s", re.IGNORECASE)
GENRE_SEPARATOR = re.compile(r"\s?[;|\0]\s?|\s/\s|,\s(?!&)")  # Discogs has the genre "Folk, World, & Country"
GENRE_NUMBER = re.compile(r"\(?\d{1,3}\)?")


def read_tags(path: Path, *, root: Path | None = None) -> Track:
    """Return a Track with the fields of the file's tags; `track_id` is empty, the title defaults to the file's stem.

    root  the scanned folder; the names of folders below it may give artist and album
    """
    fields = read_fields(path)
    first = {name: clean(next(iter(values), "")) for name, values in fields.items()}
    is_compilation = first["compilation"].lower() not in {"", "0", "false", "no"}
    album_artist = first["album_artist"] or (VARIOUS_ARTISTS if is_compilation else "")
    artists = _named(fields["artists"] if len(fields["artists"]) > 1 else fields["artist"] or fields["artists"])
    if not artists and not is_compilation:
        artists = _named(fields["album_artist"])
    named = guess(path, root)
    if is_various(first["artist"]) and not artists:  # rips of compilations have "Artist - Title" as title
        credit = guess_from_stem(first["title"])
        artists, first["title"] = _named([credit.artist]), credit.title
    return Track(
        track_id="",
        path=str(path),
        title=first["title"] or _title(named, artists, path),
        artists=artists or _named(_artist(named, first["title"])),
        album=first["album"] or clean(named.album),
        isrc=first["isrc"].replace("-", "").upper(),
        mbid=first["mbid"].lower(),
        release_date=next((date for value in fields["release_date"] if (date := iso_date(clean(value)))), ""),
        genre=joined_genres(fields["genre"]),
        album_artist=album_artist,
    )


def _named(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in credited_artists(names) if not is_various(name))


def _title(named: NameGuess, artists: tuple[str, ...], path: Path) -> str:
    """Return the title in a file's name; without the part before it only if that is the artist, or is taken as such."""
    fits = not artists or not named.artist or _is_same(named.artist, artists[0])
    return clean(named.title if fits else path.stem)


def _artist(named: NameGuess, title: str) -> tuple[str, ...]:
    """Return the artist in a file's name, unless the file has a title and the name has another one."""
    return (named.artist,) if not title or _is_same(named.title, title) else ()


def _is_same(one: str, other: str) -> bool:
    return clean(one).casefold() == clean(other).casefold()


def joined_genres(values: Iterable[str]) -> str:
    """Return all genres of one or more fields, joined by "; ", without duplicates."""
    import mutagen.id3

    id3: Any = mutagen.id3  # has no annotations
    parts = [part[:MAX_CHARACTERS] for value in values for part in GENRE_SEPARATOR.split(_single(value)) if part]
    named = [name for part in parts for name in (id3.TCON(text=[part]).genres if GENRE_NUMBER.match(part) else [part])]
    unique: dict[str, str] = {}
    for name in map(clean, named):
        unique.setdefault(name.casefold(), name)
    return "; ".join(name for name in unique.values() if name)


def credited_artists(names: Iterable[str]) -> tuple[str, ...]:
    """Return all credited artists of one or more artist fields, main artist first, without duplicates."""
    parts = (clean(part) for name in names for part in CREDIT_SEPARATOR.split(_single(name)))
    found = (part[:-1].rstrip() if part[-1:] in ")]" and not set("([") & set(part) else part for part in parts)
    return tuple(dict.fromkeys(name for name in found if name))


def clean(text: str) -> str:
    """Return text without control characters, surrogates and outer blanks, NFC, at most 1,000 characters."""
    kept = "".join(c if unicodedata.category(c) not in {"Cc", "Cs"} else " " for c in text[: 4 * MAX_CHARACTERS])
    return bounded(unicodedata.normalize("NFC", kept))


def _single(text: str) -> str:
    """Return a text with single blanks: several would be tried in every way to divide them."""
    return " ".join(text.split())
