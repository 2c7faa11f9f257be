"""Tables over a catalogue that browsing reads: what tracks are called, who made them, which lists hold them."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix

from unheard.plays import read_plays
from unheard.recommend.catalogue import Catalogue
from unheard.serve.schema import ArtistOut, Kind, PlaylistOut, Which
from unheard.splits import Use
from unheard.splits.groups import loose
from unheard.workspace import Workspace

KINDS: tuple[Kind, Kind, Kind] = ("cold", "warm", "other")


@dataclass
class Shelves:
    """Made once for each reading of a workspace."""

    catalogue: Catalogue
    workspace: Workspace

    def prepare(self) -> None:
        """Make every table now, rather than when it is first asked for."""
        self.search("prepare", artist="prepare")
        _ = self.artists, self.playlists, self.by_track, self.unheard_were_played
        _ = self._kinds, self._n_playlists, self._order, self._names

    def kind(self, row: int) -> Kind:
        """cold: may be recommended as unheard; warm: trains and has plays; other: validation, or no plays."""
        return KINDS[self._kinds[row]]

    def n_playlists(self, row: int) -> int:
        return self._n_playlists[row]

    @cached_property
    def unheard_were_played(self) -> bool:
        """Whether the tracks that count as unheard are kept back to test with; under the split `live` nobody has played
        them."""
        cold = self.catalogue.candidates("cold", new=True)
        return any(self._n_playlists[row] for row in cold)

    def in_order(self, playlist: int) -> tuple[int, ...]:
        """Rows of the tracks of a playlist (its row), in its order; a track may be there twice."""
        rows, begins = self._order
        return tuple(int(row) for row in rows[begins[playlist] : begins[playlist + 1]])

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
        """Rows of the tracks whose artist, title or album hold every word: those of that very title first, then those
        whose title or artist has the words as they stand, then the others; each by artist and title."""
        places: Iterable[int] = range(len(self._in_order))
        words = sorted(loose(text).split(), key=self._text.count)  # the rarest first: it leaves little for the others
        if words:
            places = self._places_of(words[0])
        found = [place for place in places if all(word in self._spelled[place] for word in words[1:])]
        if words:
            asked = " ".join(loose(text).split())
            found.sort(key=lambda place: self._nearness(place, asked))
        rows = [self._in_order[place] for place in found]
        if artist:
            theirs = self._by_artist.get(artist, set())
            rows = [row for row in rows if row in theirs]
        return tuple(row for row in rows if which in ("all", self.kind(row)))

    def _nearness(self, place: int, asked: str) -> int:
        """0: this very title or artist; 1: the title or the artist has it, from the start of a word on; 2: neither."""
        title, artist = self._names[place]
        if asked in (title, artist):
            return 0
        return 1 if f" {asked}" in f" {title} {artist}" else 2

    def _places_of(self, word: str) -> list[int]:
        """Places of `_in_order` whose text holds a word, ascending. One search of one long text does not visit tracks
        that lack the word."""
        found, at = [], self._text.find(word)
        while at >= 0:
            place = bisect.bisect_right(self._starts, at) - 1
            found.append(place)
            at = self._text.find(word, self._starts[place + 1])
        return found

    @cached_property
    def _spelled(self) -> list[str]:
        """What is searched of each track, in the order of `_in_order`; no word has a line break in it."""
        tracks = (self.catalogue.tracks[row] for row in self._in_order)
        return [loose(f"{track.artist} {track.title} {track.album}") for track in tracks]

    @cached_property
    def _names(self) -> list[tuple[str, str]]:
        """Title and artist of each track as they are compared, in the order of `_in_order`."""
        tracks = (self.catalogue.tracks[row] for row in self._in_order)
        return [(loose(track.title), loose(track.artist)) for track in tracks]

    @cached_property
    def _text(self) -> str:
        return "".join(f"{text}\n" for text in self._spelled)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each track's text starts in `_text`, and its end."""
        return list(accumulate((len(text) + 1 for text in self._spelled), initial=0))

    @cached_property
    def _in_order(self) -> list[int]:
        tracks = self.catalogue.tracks
        return sorted(range(len(tracks)), key=lambda row: (loose(tracks[row].artist), loose(tracks[row].title), row))

    @cached_property
    def _by_artist(self) -> dict[str, set[int]]:
        """Rows of the tracks that credit an artist."""
        found: dict[str, set[int]] = {}
        for row, track in enumerate(self.catalogue.tracks.items):
            for name in track.artists:
                found.setdefault(name, set()).add(row)
        return found

    @cached_property
    def _order(self) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
        """Rows of the tracks of every playlist, playlist after playlist, and where each begins and the last one ends.

        Read once, because reading all plays for every page costs more than what stands in it.
        """
        playlists, ids = self.catalogue.playlists, self.catalogue.tracks.ids
        plays = read_plays(self.workspace).for_tracks(ids).for_playlists(playlists)
        return plays.track_rows, plays.starts

    @cached_property
    def _kinds(self) -> list[int]:
        use, known = self.catalogue.use, self.catalogue.warm.known
        cold = (use == Use.TEST) | (use == Use.NEW)
        return [int(kind) for kind in np.where(cold, 0, np.where((use == Use.TRAIN) & known, 1, 2))]

    @cached_property
    def _n_playlists(self) -> list[int]:
        return [int(n) for n in np.diff(self.by_track.indptr)]
