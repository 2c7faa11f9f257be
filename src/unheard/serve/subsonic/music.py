"""What clients can browse of a snapshot: the tracks that have a file, their albums, artists and genres.

Clients know no track without an album and no album without an artist. Tracks without an album are the album NO_ALBUM of
their artist. An artist has the albums that name the artist, and those with a track by the artist.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.recommend.export import is_playable
from unheard.recommend.filters import BETWEEN_GENRES
from unheard.search import SearchIndex
from unheard.serve.album_index import ID_BYTES, VARIOUS, Album
from unheard.serve.snapshot import Snapshot
from unheard.serve.subsonic import client_ids
from unheard.splits.groups import loose
from unheard.track_table import in_memory

NO_ALBUM, NO_ARTIST = "[no album]", "[unknown artist]"


@dataclass(frozen=True)
class Artist:
    """An artist; `albums` are in the order of years, `rows` are the tracks that credit the artist."""

    artist_id: str
    name: str
    albums: tuple[Album, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Genre:
    """A genre as most tracks spell it."""

    name: str
    rows: tuple[int, ...]
    albums: tuple[Album, ...]


class Music:
    """Tables over one snapshot, each computed on first use."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.index = snapshot.browse_index
        self.tracks = in_memory(snapshot.catalogue.tracks)
        self._directions: tuple[tuple[Artist, ...], Floats] | None = None
        self.last_modified_ms = max((mtime_ns // 1_000_000 for _, mtime_ns, _ in snapshot.files), default=0)

    @cached_property
    def has_file(self) -> tuple[bool, ...]:
        """Whether each track can be played, by row."""
        return tuple(is_playable(track) and not track.gone_since for track in self.tracks.items)

    @cached_property
    def unplayable(self) -> frozenset[str]:
        """Ids of the tracks without a file, which no client may see."""
        return frozenset(self.tracks.ids[row] for row, there in enumerate(self.has_file) if not there)

    @cached_property
    def row_of_path(self) -> dict[str, int]:
        """The track of each file."""
        return {os.path.normpath(track.path): row for row, track in enumerate(self.tracks.items) if track.path}

    @cached_property
    def albums(self) -> tuple[Album, ...]:
        """All albums by artist and name."""
        found = [
            replace(one, artist=one.artist or NO_ARTIST, rows=self.playable(one.rows)) for one in self.index.albums
        ]
        alone: dict[str, list[int]] = {}
        for row in self.playable(range(len(self.tracks))):
            if self.index.album_of_row(row) is None:
                alone.setdefault(self.main_artist(row), []).append(row)
        found += [Album(_no_album_id(artist), NO_ALBUM, artist, None, tuple(rows)) for artist, rows in alone.items()]
        kept = (album for album in found if album.rows)
        return tuple(sorted(kept, key=lambda album: (loose(album.artist), loose(album.title), album.album_id)))

    @cached_property
    def album_of_id(self) -> dict[str, Album]:
        """Each album by its id for clients."""
        return {client_ids.of_album(album.album_id): album for album in self.albums}

    @cached_property
    def album_at(self) -> dict[str, int]:
        """The position of each album among `albums`."""
        return {album.album_id: at for at, album in enumerate(self.albums)}

    @cached_property
    def albums_by_name(self) -> tuple[Album, ...]:
        """All albums by name."""
        return tuple(sorted(self.albums, key=lambda album: loose(album.title)))

    @cached_property
    def newest_albums(self) -> tuple[Album, ...]:
        """All albums, those with the newest file first."""
        return tuple(sorted(self.albums, key=self.created_s, reverse=True))

    def created_s(self, album: Album) -> float:
        """Return when the newest file of an album was changed, in seconds since 1970."""
        return max(self.tracks[row].mtime_ns for row in album.rows) / 1e9

    @cached_property
    def place(self) -> dict[int, tuple[Album, int]]:
        """The album of each track and its number there, from 1, by row. The library does not know the tagged number."""
        return {row: (album, number) for album in self.albums for number, row in enumerate(album.rows, start=1)}

    @cached_property
    def artists(self) -> tuple[Artist, ...]:
        """All artists by name."""
        names: dict[str, Counter[str]] = {}
        albums: dict[str, dict[str, Album]] = {}
        rows: dict[str, list[int]] = {}
        for album in self.albums:
            for name in (album.artist, *(self.main_artist(row) for row in album.rows)):
                artist_id = client_ids.of_artist(name)
                names.setdefault(artist_id, Counter())[name] += 1
                albums.setdefault(artist_id, {})[album.album_id] = album
            for row in album.rows:
                for name in self.tracks[row].artists or (NO_ARTIST,):
                    rows.setdefault(client_ids.of_artist(name), []).append(row)
        found = [
            Artist(
                artist_id,
                names[artist_id].most_common(1)[0][0],
                tuple(sorted(albums[artist_id].values(), key=lambda one: (one.year or 0, loose(one.title)))),
                tuple(rows.get(artist_id, ())),
            )
            for artist_id in names
        ]
        return tuple(sorted(found, key=lambda artist: (loose(artist.name), artist.artist_id)))

    @cached_property
    def artist_of_id(self) -> dict[str, Artist]:
        """Each artist by the id for clients."""
        return {artist.artist_id: artist for artist in self.artists}

    def artist_directions(self, directions: Floats) -> tuple[tuple[Artist, ...], Floats]:
        """Return the artists that have tracks, and the unit vector of each one's mean, (artist, d); 0 for none.

        directions  unit vectors of all tracks of the snapshot's default model, (track, d)
        """
        if self._directions is None:
            found = tuple(artist for artist in self.artists if artist.rows)
            means = np.empty((len(found), directions.shape[1]), np.float32)
            for at, artist in enumerate(found):
                means[at] = directions[list(artist.rows)].sum(axis=0)
            norms = np.linalg.norm(means, axis=1, keepdims=True)
            self._directions = found, np.divide(means, norms, out=means, where=norms > 0)
        return self._directions

    @cached_property
    def genres(self) -> dict[str, Genre]:
        """Each genre by its name in the form in which names are compared."""
        names: dict[str, Counter[str]] = {}
        rows: dict[str, dict[int, None]] = {}
        key_of = cache(loose)
        for album in self.albums:
            for row in album.rows:
                for name in self.genres_of(row):
                    names.setdefault(key_of(name), Counter())[name] += 1
                    rows.setdefault(key_of(name), {})[row] = None
        return {
            key: Genre(names[key].most_common(1)[0][0], tuple(found), self._albums_with(found))
            for key, found in sorted(rows.items())
        }

    def genres_of(self, row: int) -> tuple[str, ...]:
        """Return the genres of a track as its tags spell them."""
        return _genres_in(self.tracks[row].genre)

    def main_artist(self, row: int) -> str:
        """Return the first credited artist of a track."""
        artists = self.tracks[row].artists
        return artists[0] if artists else NO_ARTIST

    def is_compilation(self, album: Album) -> bool:
        """Return whether an album is by several artists."""
        return album.artist == VARIOUS

    def playable(self, rows: Rows | range | tuple[int, ...] | list[int]) -> tuple[int, ...]:
        """Return the rows of tracks that have a file."""
        return tuple(int(row) for row in rows if self.has_file[row])

    # -------------------------------------------------------------------------------------------------- searching

    def search_songs(self, text: str) -> tuple[int, ...]:
        """Return the tracks that match every word, best first; all, by name, for ""."""
        return self.playable(self.index.search(text)) if text else self._all_songs

    @cached_property
    def _all_songs(self) -> tuple[int, ...]:
        return self.playable(self.index.search(""))

    def search_albums(self, text: str) -> Sequence[Album]:
        """Return the albums whose artist and title match every word, best first; all, by name, for ""."""
        return self._albums_like(text) if text else self._all_albums

    def _albums_like(self, text: str) -> tuple[Album, ...]:
        return tuple(self.albums[row] for row in self._album_search.search(text))

    @cached_property
    def _all_albums(self) -> tuple[Album, ...]:
        return self._albums_like("")

    def search_artists(self, text: str) -> Sequence[Artist]:
        """Return the artists whose name matches every word, best first; all, by name, for ""."""
        return self._artists_like(text) if text else self._all_artists

    def _artists_like(self, text: str) -> tuple[Artist, ...]:
        return tuple(self.artists[row] for row in self._artist_search.search(text))

    @cached_property
    def _all_artists(self) -> tuple[Artist, ...]:
        return self._artists_like("")

    @cached_property
    def _album_search(self) -> SearchIndex:
        return SearchIndex(((album.title,), (album.artist,)) for album in self.albums)

    @cached_property
    def _artist_search(self) -> SearchIndex:
        return SearchIndex(((artist.name,), ()) for artist in self.artists)

    def _albums_with(self, rows: dict[int, None]) -> tuple[Album, ...]:
        found = {self.place[row][0].album_id: self.place[row][0] for row in rows}
        return tuple(found.values())


@lru_cache(maxsize=4096)
def _genres_in(tag: str) -> tuple[str, ...]:
    parts = (part.strip() for part in BETWEEN_GENRES.split(tag))
    return tuple(dict.fromkeys(part for part in parts if loose(part)))


def _no_album_id(artist: str) -> str:
    """Return the id of the album of an artist's tracks without one; it differs from those of all named albums."""
    text = f"no album\0{loose(artist) or artist}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=ID_BYTES).hexdigest()


def music_of(snapshot: Snapshot) -> Music:
    """Return the tables of a snapshot."""
    return snapshot.cached("subsonic", lambda: Music(snapshot))
