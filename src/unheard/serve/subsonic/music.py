"""What the endpoints of players ask about one snapshot."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.artist_names import loose
from unheard.serve import client_ids
from unheard.serve.album_index import VARIOUS, Album
from unheard.serve.browse_tables import Taken
from unheard.serve.player_tables import Artist, Genre, main_artist
from unheard.serve.snapshot import Snapshot
from unheard.session import Session


class Music:
    """The tables for players of one snapshot (serve/player_tables.py), by what clients name."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.index = snapshot.browse_index
        self.tracks = snapshot.catalogue.tracks
        self.tables = self.index.for_players
        self.albums, self.artists, self.genres = self.tables.albums, self.tables.artists, self.tables.genres
        self._directions: tuple[Rows, Floats] | None = None
        self._computing = threading.Lock()
        self.last_modified_ms = max((mtime_ns // 1_000_000 for _, mtime_ns, _ in snapshot.files), default=0)

    def has_file(self, row: int) -> bool:
        """Return whether a track can be played."""
        return bool(self.tables.has_file[row])

    @cached_property
    def unplayable(self) -> frozenset[str]:
        """Ids of the tracks without a file, which no client may see."""
        return frozenset(self.tracks.ids.take(np.flatnonzero(~self.tables.has_file)))

    @cached_property
    def row_of_path(self) -> dict[str, int]:
        """The track of each file."""
        return {os.path.normpath(track.path): row for row, track in enumerate(self.tracks.items) if track.path}

    def album(self, given: str) -> Album | None:
        """Return the album of a client's id, None for an unknown one."""
        number = self.album_number(given.removeprefix(client_ids.ALBUM)) if given.startswith(client_ids.ALBUM) else None
        return None if number is None else self.albums[number]

    def album_number(self, album_id: str) -> int | None:
        """Return the position of an album among `albums`, None for an unknown one."""
        ids = self.tables.album_ids
        return ids.row(album_id) if album_id in ids else None

    def artist(self, given: str) -> Artist | None:
        """Return the artist of a client's id, None for an unknown one."""
        return self.artists[self.artists.ids.row(given)] if given in self.artists.ids else None

    def genre(self, name: str) -> Genre | None:
        """Return a genre in any spelling, None for an unknown one."""
        return self.genres.get(loose(name))

    @cached_property
    def albums_by_name(self) -> Sequence[Album]:
        """All albums by name."""
        return Taken(self.albums, self.tables.by_name)

    @cached_property
    def newest_albums(self) -> Sequence[Album]:
        """All albums, those with the newest file first."""
        return Taken(self.albums, self.tables.newest)

    def place(self, row: int) -> tuple[Album, int]:
        """Return the album of a track with a file, and the number of the track there, from 1.

        The library does not know the tagged number.
        """
        return self.albums[int(self.tables.album_of_row[row])], int(self.tables.place[row])

    def album_of(self, row: int) -> str:
        """Return the id of the album of a track with a file."""
        return self.tables.album_ids[int(self.tables.album_of_row[row])]

    def artist_directions(self, session: Session) -> tuple[Rows, Floats]:
        """Return the numbers of the artists that have tracks, and the unit vector of each one's mean, (artist, d).

        The vector is 0 for a mean of 0.

        session  that of the snapshot's default model
        """
        with self._computing:
            if self._directions is None:
                groups, directions = self.artists.of_tracks, session.directions
                found = np.flatnonzero(np.diff(groups.starts)).astype(np.int32)
                means = np.empty((len(found), directions.shape[1]), np.float32)
                for at, number in enumerate(found.tolist()):
                    means[at] = directions[groups.group(number)].sum(axis=0)
                norms = np.linalg.norm(means, axis=1, keepdims=True)
                self._directions = found, np.divide(means, norms, out=means, where=norms > 0)
            return self._directions

    def genres_of(self, album: Album) -> list[str]:
        """Return the genres of an album as its tags spell them, the most frequent one first."""
        tables = self.tables
        return [tables.tags[int(one)] for one in tables.of_tags.group(tables.album_ids.row(album.album_id))]

    def created_s(self, album: Album) -> float:
        """Return when the newest file of an album was changed, in seconds since 1970."""
        return float(self.tables.created_ns[self.tables.album_ids.row(album.album_id)]) / 1e9

    def duration_s(self, album: Album) -> float:
        """Return how long all tracks of an album take."""
        return float(self.tables.duration_s[self.tables.album_ids.row(album.album_id)])

    def main_artist(self, row: int) -> str:
        """Return the first credited artist of a track."""
        return main_artist(self.tracks[row])

    def is_compilation(self, album: Album) -> bool:
        """Return whether an album is by several artists."""
        return album.artist == VARIOUS

    def playable(self, rows: Rows | Sequence[int]) -> tuple[int, ...]:
        """Return the rows of tracks that have a file."""
        return tuple(self._with_file(np.asarray(rows, np.int32)).tolist())

    def _with_file(self, rows: Rows) -> Rows:
        return rows[self.tables.has_file[rows]]

    # -------------------------------------------------------------------------------------------------- searching

    def search_songs(self, text: str) -> Rows:
        """Return the tracks that match every word, best first; all, by name, for ""."""
        return self._with_file(self.index.search(text))

    def search_albums(self, text: str) -> Sequence[Album]:
        """Return the albums whose artist and title match every word, best first; all, by name, for ""."""
        return Taken(self.albums, self.tables.album_search.search(text))

    def search_artists(self, text: str) -> Sequence[Artist]:
        """Return the artists whose name matches every word, best first; all, by name, for ""."""
        return Taken(self.artists, self.tables.artist_search.search(text))


def music_of(snapshot: Snapshot) -> Music:
    """Return the tables of a snapshot."""
    return snapshot.table("players", lambda: Music(snapshot))
