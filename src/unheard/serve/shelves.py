"""Tables over a catalogue that browsing reads: what tracks are called, who made them, which lists hold them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_matrix

from unheard.recommend.catalogue import Catalogue
from unheard.serve.schema import ArtistOut, Kind, PlaylistOut, Which
from unheard.splits import Use
from unheard.splits.groups import loose

KINDS: tuple[Kind, Kind, Kind] = ("cold", "warm", "other")


@dataclass
class Shelves:
    """Made once for each reading of a workspace."""

    catalogue: Catalogue

    def kind(self, row: int) -> Kind:
        """cold: may be recommended as unheard; warm: trains and has plays; other: validation, or no plays."""
        return KINDS[self._kinds[row]]

    def n_playlists(self, row: int) -> int:
        return self._n_playlists[row]

    @cached_property
    def by_track(self) -> csc_matrix:
        """The plays, to look up by track."""
        return self.catalogue.plays.tocsc()

    @cached_property
    def artists(self) -> tuple[ArtistOut, ...]:
        """By name. The first credited artist has a track."""
        counts: dict[str, Counter[str]] = {}
        for row, track in enumerate(self.catalogue.tracks.items):
            if track.artists:
                counts.setdefault(track.artists[0], Counter())[self.kind(row)] += 1
        return tuple(
            ArtistOut(name=name, tracks=kinds.total(), cold=kinds["cold"], warm=kinds["warm"])
            for name, kinds in sorted(counts.items(), key=lambda item: (loose(item[0]), item[0]))
        )

    @cached_property
    def playlists(self) -> tuple[PlaylistOut, ...]:
        sizes = np.diff(self.catalogue.plays.indptr)
        return tuple(
            PlaylistOut(playlist_id=name, tracks=int(size))
            for name, size in zip(self.catalogue.playlists, sizes, strict=True)
        )

    def search(self, text: str, *, which: Which = "all", artist: str = "") -> tuple[int, ...]:
        """Rows of the tracks whose artist, title or album hold every word, by artist and title."""
        rows = self._by_artist.get(artist, ()) if artist else self._in_order
        for word in loose(text).split():
            rows = [row for row in rows if word in self._spelled[row]]
        return tuple(row for row in rows if which in ("all", self.kind(row)))

    @cached_property
    def _spelled(self) -> list[str]:
        return [loose(f"{track.artist} {track.title} {track.album}") for track in self.catalogue.tracks.items]

    @cached_property
    def _in_order(self) -> list[int]:
        tracks = self.catalogue.tracks
        return sorted(range(len(tracks)), key=lambda row: (loose(tracks[row].artist), loose(tracks[row].title), row))

    @cached_property
    def _by_artist(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row in self._in_order:
            for name in self.catalogue.tracks[row].artists:
                found.setdefault(name, []).append(row)
        return found

    @cached_property
    def _kinds(self) -> list[int]:
        use, known = self.catalogue.use, self.catalogue.warm.known
        cold = (use == Use.TEST) | (use == Use.NEW)
        return [int(kind) for kind in np.where(cold, 0, np.where((use == Use.TRAIN) & known, 1, 2))]

    @cached_property
    def _n_playlists(self) -> list[int]:
        return [int(n) for n in np.diff(self.by_track.indptr)]
