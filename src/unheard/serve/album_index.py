"""Group the tracks of a library into albums.

An album is (album artist, name). Without an album artist it is that of the other tracks of the same name in the folder,
or the artist of most of them; if no artist has most of them, the album is a compilation and listed once. Folders of one
disc ("CD 2") belong to the folder above.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Indices, Rows
from unheard.artist_names import NO_ALBUM, UNKNOWN, is_various, loose
from unheard.library import Track, Tracks
from unheard.recommend.filters import year_of
from unheard.serve.browse_tables import BrowseTable
from unheard.strings import Strings

VARIOUS = "Various artists"
DISC = re.compile(r"(cd|dis[ck]|vinyl|side)[\s._-]*\d{1,2}\b.*", re.IGNORECASE)
DIGITS = re.compile(r"(\d+)")
ID_BYTES = 8


@dataclass(frozen=True)
class Album:
    """An album. `rows` are its tracks in the order of their paths; `year` is that of most of them, None if unknown."""

    album_id: str
    title: str
    artist: str
    year: int | None
    rows: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{self.artist} - {self.title}" if self.artist else self.title


@dataclass
class AlbumTable(BrowseTable[Album]):
    """Albums by artist and name.

    rows    the tracks of all albums, album after album
    starts  (album + 1,) where the tracks of each album start
    years   (album,) 0: unknown
    labels  artist and name in the form in which they are compared
    """

    ids: Strings
    titles: Strings
    artists: Strings
    labels: Strings
    years: NDArray[np.int32]
    rows: Rows
    starts: Indices

    @staticmethod
    def of(albums: Sequence[Album]) -> AlbumTable:
        """Return some albums in their order."""
        sizes = np.array([len(album.rows) for album in albums], np.int64)
        return AlbumTable(
            Strings(album.album_id for album in albums),
            Strings(album.title for album in albums),
            Strings(album.artist for album in albums),
            Strings(loose(album.label) for album in albums),
            np.array([album.year or 0 for album in albums], np.int32),
            np.array([row for album in albums for row in album.rows], np.int32),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, number: int) -> Album:
        start, end = self.starts[number : number + 2]
        year = int(self.years[number]) or None
        rows = tuple(self.rows[start:end].tolist())
        return Album(self.ids[number], self.titles[number], self.artists[number], year, rows)

    def matching(self, text: str) -> Sequence[int] | Indices:
        """Return the numbers of the albums whose artist and name together contain every word of `text`."""
        found: Sequence[int] | Indices = range(len(self))
        for word in dict.fromkeys(loose(text).split()):
            found = np.intersect1d(found, self.labels.containing(word))
        return found


def albums_of(tracks: Tracks) -> tuple[Album, ...]:
    """Return all albums, ordered by artist and name. Tracks without an album are in none."""
    by_folder: dict[tuple[str, str], list[int]] = {}
    for row, track in enumerate(tracks.items):
        name = loose(track.album)
        if name not in NO_ALBUM:
            by_folder.setdefault((name, _folder(track)), []).append(row)
    by_album: dict[tuple[str, str, str], list[int]] = {}
    artists: dict[tuple[str, str, str], str] = {}
    for (name, folder), rows in by_folder.items():
        is_tagged, by_artist = _by_artist([tracks[row] for row in rows], rows)
        for artist, members in by_artist.items():
            # Untagged compilations of one name in two folders may be different ones, such as "Greatest Hits".
            key = (loose(artist), name, folder if artist == VARIOUS and not is_tagged else "")
            artists.setdefault(key, artist)
            by_album.setdefault(key, []).extend(members)
    albums = [_album(tracks, key, artists[key], rows) for key, rows in by_album.items()]
    return tuple(sorted(albums, key=lambda album: (loose(album.artist), loose(album.title), album.album_id)))


def _by_artist(tracks: list[Track], rows: list[int]) -> tuple[bool, dict[str, list[int]]]:
    """Return whether tags name the album artist, and the rows of one album name in one folder by album artist."""
    named = Counter(track.album_artist for track in tracks if loose(track.album_artist) not in UNKNOWN)
    found: dict[str, list[int]] = {}
    if named:
        usual = named.most_common(1)[0][0]
        for track, row in zip(tracks, rows, strict=True):
            artist = track.album_artist if track.album_artist in named else usual
            found.setdefault(VARIOUS if is_various(artist) else artist, []).append(row)
        return True, found
    counts = Counter(track.artists[0] for track in tracks if track.artists)
    usual, n = counts.most_common(1)[0] if counts else ("", len(tracks))
    return False, {usual if 2 * n > len(tracks) else VARIOUS: rows}


def _album(tracks: Tracks, key: tuple[str, str, str], artist: str, rows: list[int]) -> Album:
    members = sorted(rows, key=lambda row: (_natural(tracks[row].path), tracks[row].title, row))
    years = Counter(year for row in members if (year := year_of(tracks[row])) is not None)
    title = Counter(tracks[row].album for row in members).most_common(1)[0][0]
    digest = hashlib.blake2b("\0".join(key).encode("utf-8", "replace"), digest_size=ID_BYTES).hexdigest()
    return Album(digest, title, artist, years.most_common(1)[0][0] if years else None, tuple(members))


def _folder(track: Track) -> str:
    """Return the folder of an album; empty for a track without a file."""
    if not track.path:
        return ""
    folder = PurePath(track.path).parent
    return str(folder.parent if DISC.fullmatch(folder.name) else folder)


def _natural(path: str) -> list[tuple[int, int | str]]:
    """Return a key that puts "Disc 10/02" after "Disc 9/11"."""
    return [(1, int(part)) if part.isdecimal() else (0, part.casefold()) for part in DIGITS.split(path)]
