"""Tables for browsing a catalogue: search, artists, playlists and their tracks in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_matrix

from unheard.recommend.catalogue import Catalogue
from unheard.recommend.track_status import Status, statuses
from unheard.search import SearchIndex, TrackSearch
from unheard.serve.album_index import Album, albums_of
from unheard.serve.schema import ArtistOut, Kind, PlaylistOut, Shown
from unheard.splits import Use
from unheard.splits.groups import loose

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
        _ = self.by_track, self.statuses, self.album_of_id, self.album_of_row, self._kinds, self._n_playlists

    def kind(self, row: int) -> Kind:
        """Return cold (a test track or new), warm (a train track with plays) or other (validation, or no plays)."""
        return KINDS[self._kinds[row]]

    def status(self, row: int) -> Status:
        """Return what pages call a track: new, known, test or validation; see recommend/track_status.py."""
        return self.statuses[row]

    def n_playlists(self, row: int) -> int:
        """Return how many playlists contain a track."""
        return self._n_playlists[row]

    @cached_property
    def statuses(self) -> list[Status]:
        """The status of each track, by row."""
        return statuses(self.catalogue)

    def tracks_of(self, playlist: int) -> tuple[int, ...]:
        """Return the rows of the tracks of a playlist (its row) in order; a track may occur more than once."""
        return tuple(self.catalogue.order.tracks_of(playlist).tolist())

    @cached_property
    def by_track(self) -> csc_matrix:
        """The plays by track, (m, n)."""
        return self.catalogue.plays.tocsc()

    @cached_property
    def artists(self) -> tuple[ArtistOut, ...]:
        """All artists by name. A track counts for its first credited artist."""
        counts: dict[str, Counter[str]] = {}
        new: Counter[str] = Counter()
        for row, track in enumerate(self.catalogue.tracks.items):
            if track.artists:
                counts.setdefault(track.artists[0], Counter())[self.kind(row)] += 1
                new[track.artists[0]] += self.status(row) == "new"
        return tuple(
            ArtistOut(name=name, tracks=kinds.total(), new=new[name], cold=kinds["cold"], warm=kinds["warm"])
            for name, kinds in sorted(counts.items(), key=lambda item: (loose(item[0]), item[0]))
        )

    @cached_property
    def albums(self) -> tuple[Album, ...]:
        """All albums by artist and name."""
        return albums_of(self.catalogue.tracks)

    @cached_property
    def album_of_id(self) -> dict[str, Album]:
        """Each album by its id."""
        return {album.album_id: album for album in self.albums}

    @cached_property
    def album_of_row(self) -> dict[int, Album]:
        """The album of each track that has one, by row."""
        return {row: album for album in self.albums for row in album.rows}

    @cached_property
    def playlists(self) -> tuple[PlaylistOut, ...]:
        """All playlists by id."""
        sizes = np.diff(self.catalogue.plays.indptr)
        return tuple(
            PlaylistOut(playlist_id=name, tracks=int(size))
            for name, size in zip(self.catalogue.playlists, sizes, strict=True)
        )

    def search(self, text: str, *, which: Shown = "all", artist: str = "") -> tuple[int, ...]:
        """Return the rows of the tracks that match every word, best first (unheard.search); all, by name, for ""."""
        rows = [int(row) for row in self._track_search.search(text)]
        if artist:
            credited = self._by_artist.get(artist, set())
            rows = [row for row in rows if row in credited]
        return tuple(row for row in rows if which in ("all", self.kind(row), self.status(row)))

    def search_artists(self, text: str) -> tuple[ArtistOut, ...]:
        """Return the artists whose name matches every word, best first; all, by name, for ""."""
        return tuple(self.artists[row] for row in self._artist_search.search(text))

    def search_playlists(self, text: str) -> tuple[PlaylistOut, ...]:
        """Return the playlists whose id matches every word, best first; all, by id, for ""."""
        if not text.strip():
            return self.playlists
        return tuple(self.playlists[row] for row in self._playlist_search.search(text))

    @cached_property
    def _track_search(self) -> TrackSearch:
        return TrackSearch(self.catalogue.tracks.items)

    @cached_property
    def _artist_search(self) -> SearchIndex:
        return SearchIndex(((artist.name,), ()) for artist in self.artists)

    @cached_property
    def _playlist_search(self) -> SearchIndex:
        return SearchIndex(((playlist.playlist_id,), ()) for playlist in self.playlists)

    def of_artist(self, name: str) -> tuple[int, ...]:
        """Return the rows of the tracks that credit an artist, ascending; empty for an unknown one."""
        return tuple(sorted(self._by_artist.get(name, ())))

    @cached_property
    def _by_artist(self) -> dict[str, set[int]]:
        """Rows of the tracks that credit each artist."""
        found: dict[str, set[int]] = {}
        for row, track in enumerate(self.catalogue.tracks.items):
            for name in track.artists:
                found.setdefault(name, set()).add(row)
        return found

    @cached_property
    def _kinds(self) -> list[int]:
        """Index into KINDS of each track."""
        use, known = self.catalogue.use, self.catalogue.warm.known
        cold = (use == Use.TEST) | (use == Use.NEW)
        if self.catalogue.is_live:  # plays that came after the split was made count too
            cold, known = ~self.catalogue.played, known & self.catalogue.played
        return [int(kind) for kind in np.where(cold, 0, np.where((use == Use.TRAIN) & known, 1, 2))]

    @cached_property
    def _n_playlists(self) -> list[int]:
        return [int(n) for n in np.diff(self.by_track.indptr)]
