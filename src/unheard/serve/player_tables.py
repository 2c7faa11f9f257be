"""What players can browse: the tracks that have a file, their albums, artists and genres, in arrays.

Players know no track without an album and no album without an artist. Tracks without an album are the album NO_ALBUM of
their artist. An artist has the albums that name the artist, and those with a track by the artist.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask, Rows
from unheard.artist_names import loose
from unheard.ids import IdMap, StoredIds
from unheard.library import Track, Tracks
from unheard.recommend.export import is_playable
from unheard.recommend.filters import BETWEEN_GENRES
from unheard.recommend.shortlist import RowGroups
from unheard.search import SearchIndex
from unheard.serve import client_ids
from unheard.serve.album_index import ID_BYTES, Album, AlbumTable
from unheard.serve.browse_tables import BrowseTable, Taken
from unheard.strings import Strings

NO_ALBUM, NO_ARTIST = "[no album]", "[unknown artist]"


@dataclass(frozen=True)
class Artist:
    """An artist; `albums` are in the order of years, `rows` are the tracks that credit the artist."""

    artist_id: str
    name: str
    albums: Sequence[Album]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Genre:
    """A genre as most tracks spell it."""

    name: str
    rows: tuple[int, ...]
    albums: Sequence[Album]


@dataclass
class PlayerArtists(BrowseTable[Artist]):
    """Artists by name.

    ids        for players
    of_albums  the albums of each artist, by number
    of_tracks  the tracks that credit each artist
    """

    ids: IdMap
    names: Strings
    albums: AlbumTable
    of_albums: RowGroups
    of_tracks: RowGroups

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, number: int) -> Artist:
        rows = tuple(self.of_tracks.group(number).tolist())
        return Artist(self.ids[number], self.names[number], Taken(self.albums, self.of_albums.group(number)), rows)


@dataclass
class PlayerGenres(BrowseTable[Genre]):
    """Genres by `keys`, their names in the form in which names are compared."""

    keys: IdMap
    names: Strings
    albums: AlbumTable
    of_albums: RowGroups
    of_tracks: RowGroups

    def __len__(self) -> int:
        return len(self.keys)

    def row(self, number: int) -> Genre:
        rows = tuple(self.of_tracks.group(number).tolist())
        return Genre(self.names[number], rows, Taken(self.albums, self.of_albums.group(number)))

    def get(self, key: str) -> Genre | None:
        """Return the genre of a key, None for an unknown one."""
        return self.row(self.keys.row(key)) if key in self.keys else None


@dataclass
class PlayerTables:
    """Tables over the tracks of one catalogue.

    has_file      (n,) whether each track can be played
    album_ids     of `albums`, as the library knows them
    album_of_row  (n,) int32, the number of each track's album, -1 for a track without a file
    place         (n,) int32, the position of each track in its album, from 1
    created_ns    (album,) when the newest file of each album was changed, in ns since 1970
    duration_s    (album,)
    tags          genres of albums as tags spell them; `of_tags`: those of each album, the most frequent one first
    by_name       (album,) the numbers of the albums, by name; `newest`: those with the newest file first
    """

    has_file: Mask
    albums: AlbumTable
    album_ids: IdMap
    album_of_row: NDArray[np.int32]
    place: NDArray[np.int32]
    created_ns: NDArray[np.int64]
    duration_s: NDArray[np.float64]
    tags: Strings
    of_tags: RowGroups
    by_name: Rows
    newest: Rows
    artists: PlayerArtists
    genres: PlayerGenres
    album_search: SearchIndex
    artist_search: SearchIndex

    @staticmethod
    def of(tracks: Tracks, known: AlbumTable) -> PlayerTables:
        """Return the tables for the tracks of a library, whose albums are known."""
        items = tuple(tracks.items)  # read many times
        key_of = cache(loose)
        has_file = np.array([is_playable(track) and not track.gone_since for track in items], np.bool_)
        found = _albums(items, has_file, known, key_of)
        albums = AlbumTable.of(found)
        sizes = np.diff(albums.starts)
        album_of_row, place = np.full(len(items), -1, np.int32), np.zeros(len(items), np.int32)
        album_of_row[albums.rows] = np.repeat(np.arange(len(found)), sizes)
        place[albums.rows] = 1 + np.arange(len(albums.rows)) - np.repeat(albums.starts[:-1], sizes)
        created_ns = np.array([max(items[row].mtime_ns for row in album.rows) for album in found], np.int64)
        duration_s = np.array([sum(items[row].duration_s for row in album.rows) for album in found], np.float64)
        artists = _artists(items, found, albums, key_of)
        tags: dict[str, int] = {}
        counted = [Counter(tag for row in album.rows for tag in genres_in(items[row].genre)) for album in found]
        of_tags = _groups([[tags.setdefault(tag, len(tags)) for tag, _ in one.most_common()] for one in counted])
        return PlayerTables(
            has_file,
            albums,
            StoredIds(album.album_id for album in found),
            album_of_row,
            place,
            created_ns,
            duration_s,
            Strings(tags),
            of_tags,
            np.array(sorted(range(len(found)), key=lambda number: key_of(found[number].title)), np.int32),
            np.argsort(-created_ns, kind="stable").astype(np.int32),
            artists,
            _genres(items, found, albums, key_of),
            SearchIndex(((album.title,), (album.artist,)) for album in found),
            SearchIndex(((name,), ()) for name in artists.names),
        )


def main_artist(track: Track) -> str:
    """Return the first credited artist of a track."""
    return track.artists[0] if track.artists else NO_ARTIST


@lru_cache(maxsize=4096)
def genres_in(tag: str) -> tuple[str, ...]:
    """Return the genres that a tag names, as it spells them."""
    parts = (part.strip() for part in BETWEEN_GENRES.split(tag))
    return tuple(dict.fromkeys(part for part in parts if loose(part)))


def _albums(
    tracks: Sequence[Track], has_file: Mask, known: AlbumTable, key_of: Callable[[str], str]
) -> tuple[Album, ...]:
    """Return all albums by artist and name, with the tracks that have a file."""
    playable: list[bool] = has_file.tolist()
    alone = has_file.copy()
    alone[known.rows] = False
    of_artist: dict[str, list[int]] = {}
    for row in np.flatnonzero(alone).tolist():
        of_artist.setdefault(main_artist(tracks[row]), []).append(row)
    found = [
        replace(one, artist=one.artist or NO_ARTIST, rows=tuple(row for row in one.rows if playable[row]))
        for one in known
    ]
    found += [Album(_no_album_id(name), NO_ALBUM, name, None, tuple(rows)) for name, rows in of_artist.items()]
    kept = (album for album in found if album.rows)
    return tuple(sorted(kept, key=lambda album: (key_of(album.artist), key_of(album.title), album.album_id)))


def _artists(
    tracks: Sequence[Track], albums: Sequence[Album], table: AlbumTable, key_of: Callable[[str], str]
) -> PlayerArtists:
    id_of = cache(client_ids.of_artist)
    names: dict[str, Counter[str]] = {}
    of_albums: dict[str, dict[int, None]] = {}
    rows: dict[str, list[int]] = {}
    for number, album in enumerate(albums):
        members = [tracks[row] for row in album.rows]
        for name in (album.artist, *map(main_artist, members)):
            artist_id = id_of(name)
            names.setdefault(artist_id, Counter())[name] += 1
            of_albums.setdefault(artist_id, {})[number] = None
        for row, track in zip(album.rows, members, strict=True):
            for name in track.artists or (NO_ARTIST,):
                rows.setdefault(id_of(name), []).append(row)
    shown = {artist_id: counts.most_common(1)[0][0] for artist_id, counts in names.items()}
    ids = sorted(shown, key=lambda artist_id: (key_of(shown[artist_id]), artist_id))
    by_year = lambda number: (albums[number].year or 0, key_of(albums[number].title))  # noqa: E731
    return PlayerArtists(
        StoredIds(ids),
        Strings(shown[artist_id] for artist_id in ids),
        table,
        _groups([sorted(of_albums[artist_id], key=by_year) for artist_id in ids]),
        _groups([rows.get(artist_id, ()) for artist_id in ids]),
    )


def _genres(
    tracks: Sequence[Track], albums: Sequence[Album], table: AlbumTable, key_of: Callable[[str], str]
) -> PlayerGenres:
    names: dict[str, Counter[str]] = {}
    rows: dict[str, dict[int, None]] = {}
    of_albums: dict[str, dict[int, None]] = {}
    for number, album in enumerate(albums):
        for row in album.rows:
            for name in genres_in(tracks[row].genre):
                key = key_of(name)
                names.setdefault(key, Counter())[name] += 1
                rows.setdefault(key, {})[row] = None
                of_albums.setdefault(key, {})[number] = None
    keys = sorted(names)
    return PlayerGenres(
        StoredIds(keys),
        Strings(names[key].most_common(1)[0][0] for key in keys),
        table,
        _groups([of_albums[key] for key in keys]),
        _groups([rows[key] for key in keys]),
    )


def _groups(members: Iterable[Collection[int]]) -> RowGroups:
    """Return groups in the order in which their members are given."""
    listed = list(members)
    starts = np.cumsum([0, *map(len, listed)]).astype(np.int32)
    return RowGroups(np.fromiter(chain.from_iterable(listed), np.int32, int(starts[-1])), starts)


def _no_album_id(artist: str) -> str:
    """Return the id of the album of an artist's tracks without one; it differs from those of all named albums."""
    text = f"no album\0{loose(artist) or artist}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=ID_BYTES).hexdigest()
