"""Tables for browsing a catalogue: search, artists, playlists and their tracks in order.

All of them are arrays, or read rows of arrays, so that those of a large catalogue can be mapped from a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from unheard.arrays import Mask, Rows
from unheard.ids import IdMap, StoredIds
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.shortlist import RowGroups
from unheard.recommend.track_status import STATUSES, Status, status_codes
from unheard.saved_playlists import PREFIX
from unheard.search import SearchIndex, TrackSearch
from unheard.serve.album_index import Album, AlbumTable, albums_of
from unheard.serve.browse_tables import BrowsedArtists, BrowsedPlaylists
from unheard.serve.player_tables import PlayerTables
from unheard.serve.schema import Kind, Shown
from unheard.splits import Use

KINDS: tuple[Kind, Kind, Kind] = ("cold", "warm", "other")


@dataclass
class BrowseIndex:
    """Tables over one catalogue, each computed on first use."""

    catalogue: Catalogue

    def prepare(self) -> None:
        """Compute every table now."""
        self.search("prepare", artist="prepare")
        self.search_artists("prepare")
        self.search_playlists("prepare")
        _ = (
            self.playlists,
            self.by_track,
            self.status_codes,
            self.statuses_present,
            self._album_ids,
            self._album,
            self._n_playlists,
            self.for_players,
        )

    def kind(self, row: int) -> Kind:
        """Return cold (a test track or new), warm (a train track with plays) or other (validation, or no plays)."""
        return KINDS[int(self._kinds[row])]

    def status(self, row: int) -> Status:
        """Return what pages call a track: new, known, test or validation; see recommend/track_status.py."""
        return STATUSES[int(self.status_codes[row])]

    def n_playlists(self, row: int) -> int:
        """Return how many playlists contain a track."""
        return int(self._n_playlists[row])

    @cached_property
    def status_codes(self) -> NDArray[np.int8]:
        """The status of each track (n,), as an index into STATUSES."""
        return status_codes(self.catalogue)

    @cached_property
    def statuses_present(self) -> frozenset[Status]:
        """Every status that some track has."""
        return frozenset(STATUSES[code] for code in np.unique(self.status_codes))

    def has_status(self, status: Status) -> Mask:
        """Return whether each track has a status, (n,)."""
        found: Mask = self.status_codes == STATUSES.index(status)
        return found

    def tracks_of(self, playlist: int) -> tuple[int, ...]:
        """Return the rows of the tracks of a playlist (its row) in order; a track may occur more than once."""
        return tuple(self.catalogue.order.tracks_of(playlist).tolist())

    @cached_property
    def by_track(self) -> csc_matrix:
        """The plays by track, (m, n)."""
        return self.catalogue.plays.tocsc()

    @cached_property
    def artists(self) -> BrowsedArtists:
        """All artists by name. A track counts for its first credited artist."""
        first = [track.artists[0] if track.artists else None for track in self.catalogue.tracks.items]
        return BrowsedArtists.of(first, self._kinds, self.has_status("new"))

    @cached_property
    def albums(self) -> AlbumTable:
        """All albums by artist and name."""
        return AlbumTable.of(albums_of(self.catalogue.tracks))

    @cached_property
    def for_players(self) -> PlayerTables:
        """What players browse: albums, artists and genres of the tracks that have a file."""
        return PlayerTables.of(self.catalogue.tracks, self.albums)

    def album_of_id(self, album_id: str) -> Album | None:
        """Return the album with an id, None for an unknown one."""
        return self.albums[self._album_ids.row(album_id)] if album_id in self._album_ids else None

    def album_of_row(self, row: int) -> Album | None:
        """Return the album of a track, None if it has none."""
        number = int(self._album[row])
        return None if number < 0 else self.albums[number]

    @cached_property
    def _album_ids(self) -> IdMap:
        return StoredIds(self.albums.ids)

    @cached_property
    def _album(self) -> NDArray[np.int32]:
        """Number of each track's album, (n,), -1 without one."""
        found = np.full(len(self.catalogue), -1, np.int32)
        found[self.albums.rows] = np.repeat(np.arange(len(self.albums)), np.diff(self.albums.starts))
        return found

    @cached_property
    def playlists(self) -> BrowsedPlaylists:
        """All playlists by id."""
        return BrowsedPlaylists(self.catalogue.playlists, np.diff(self.catalogue.plays.indptr))

    def search(self, text: str, *, which: Shown = "all", artist: str = "") -> Rows:
        """Return the rows of the tracks that match every word, best first (unheard.search); all, by name, for ""."""
        rows = self._track_search.search(text)
        if artist:
            credited = np.zeros(len(self.catalogue), np.bool_)
            credited[self._rows_of_artist(artist)] = True
            rows = rows[credited[rows]]
        if which == "all":
            return rows
        fits = self._kinds[rows] == KINDS.index(cast("Kind", which)) if which in KINDS else np.zeros(len(rows), bool)
        if which in STATUSES:
            fits = fits | self.has_status(which)[rows]
        found: Rows = rows[fits]
        return found

    def search_artists(self, text: str) -> Rows:
        """Return the rows of `artists` whose name matches every word, best first; all, by name, for ""."""
        return self._artist_search.search(text)

    def search_playlists(self, text: str) -> Rows:
        """Return the rows of the imported playlists whose id matches every word, best first; all, by id, for ""."""
        if not text.strip():
            return np.flatnonzero(self._is_imported)
        rows = self._playlist_search.search(text)
        return rows[self._is_imported[rows]]

    @cached_property
    def _is_imported(self) -> Mask:
        return np.array([not name.startswith(PREFIX) for name in self.catalogue.playlists], np.bool_)

    @cached_property
    def _track_search(self) -> TrackSearch:
        return TrackSearch(self.catalogue.tracks.items)

    @cached_property
    def _artist_search(self) -> SearchIndex:
        return SearchIndex(((name,), ()) for name in self.artists.names)

    @cached_property
    def _playlist_search(self) -> SearchIndex:
        return SearchIndex(((name,), ()) for name in self.catalogue.playlists)

    def of_artist(self, name: str) -> tuple[int, ...]:
        """Return the rows of the tracks that credit an artist, ascending; empty for an unknown one."""
        return tuple(self._rows_of_artist(name).tolist())

    def _rows_of_artist(self, name: str) -> Rows:
        names, groups = self._credited
        return groups.rows_of(np.array([names.row(name)])) if name in names else np.zeros(0, np.int32)

    @cached_property
    def _credited(self) -> tuple[IdMap, RowGroups]:
        """The names of all credited artists, and the tracks that credit each."""
        numbers: dict[str, int] = {}
        pairs = [
            (numbers.setdefault(name, len(numbers)), row)
            for row, track in enumerate(self.catalogue.tracks.items)
            for name in dict.fromkeys(track.artists)
        ]
        artist, rows = np.array(list(chain.from_iterable(pairs)), np.int32).reshape(-1, 2).T
        groups = RowGroups.of(artist)
        return StoredIds(numbers), RowGroups(rows[groups.rows], groups.starts)

    @cached_property
    def _kinds(self) -> NDArray[np.int8]:
        """Index into KINDS of each track."""
        use, known = self.catalogue.use, self.catalogue.warm.known
        cold = (use == Use.TEST) | (use == Use.NEW)
        if self.catalogue.is_live:  # plays that came after the split was made count too
            cold, known = ~self.catalogue.played, known & self.catalogue.played
        kinds: NDArray[np.int8] = np.where(cold, 0, np.where((use == Use.TRAIN) & known, 1, 2)).astype(np.int8)
        return kinds

    @cached_property
    def _n_playlists(self) -> NDArray[np.int32]:
        found: NDArray[np.int32] = np.diff(self.by_track.indptr).astype(np.int32)
        return found
