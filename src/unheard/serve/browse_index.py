"""Tables for browsing a catalogue: names of tracks for search, artists, playlists and their tracks in order."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from scipy.sparse import csc_matrix

from unheard.recommend.catalogue import Catalogue
from unheard.recommend.track_status import Status, statuses
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
        _ = self.artists, self.playlists, self.by_track, self.statuses
        _ = self.album_of_id, self.album_of_row
        _ = self._kinds, self._n_playlists, self._names

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
        """Return the rows of the tracks whose artist, title and album together contain every word.

        Tracks whose title or artist equals the text come first, then those whose title or artist contains it, then the
        others; each group is sorted by artist and title.
        """
        numbers: Iterable[int] = range(len(self._sorted_rows))
        words = sorted(loose(text).split(), key=self._text.count)  # the rarest first leaves the fewest for the others
        if words:
            numbers = self._numbers_with(words[0])
        found = [number for number in numbers if all(word in self._texts[number] for word in words[1:])]
        if words:
            phrase = " ".join(loose(text).split())
            found.sort(key=lambda number: self._match_rank(number, phrase))
        rows = [self._sorted_rows[number] for number in found]
        if artist:
            credited = self._by_artist.get(artist, set())
            rows = [row for row in rows if row in credited]
        return tuple(row for row in rows if which in ("all", self.kind(row), self.status(row)))

    def _match_rank(self, number: int, phrase: str) -> int:
        """Return 0 if title or artist equals the phrase, 1 if one contains it from the start of a word, else 2."""
        title, artist = self._names[number]
        if phrase in (title, artist):
            return 0
        return 1 if f" {phrase}" in f" {title} {artist}" else 2

    def _numbers_with(self, word: str) -> list[int]:
        """Return the indices into `_sorted_rows` of tracks whose text contains a word, ascending.

        One search in one long string is faster than a search in each track's text.
        """
        found, at = [], self._text.find(word)
        while at >= 0:
            number = bisect.bisect_right(self._starts, at) - 1
            found.append(number)
            at = self._text.find(word, self._starts[number + 1])
        return found

    @cached_property
    def _texts(self) -> list[str]:
        """The searched text of each track, in the order of `_sorted_rows`; it contains no line break."""
        tracks = (self.catalogue.tracks[row] for row in self._sorted_rows)
        return [loose(f"{track.artist} {track.title} {track.album}") for track in tracks]

    @cached_property
    def _names(self) -> list[tuple[str, str]]:
        """Normalised title and artist of each track, in the order of `_sorted_rows`."""
        tracks = (self.catalogue.tracks[row] for row in self._sorted_rows)
        return [(loose(track.title), loose(track.artist)) for track in tracks]

    @cached_property
    def _text(self) -> str:
        """All of `_texts`, one a line."""
        return "".join(f"{text}\n" for text in self._texts)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each track's line starts in `_text`, and the end of the last one."""
        return list(accumulate((len(text) + 1 for text in self._texts), initial=0))

    @cached_property
    def _sorted_rows(self) -> list[int]:
        """Rows of all tracks, sorted by artist and title."""
        tracks = self.catalogue.tracks
        return sorted(range(len(tracks)), key=lambda row: (loose(tracks[row].artist), loose(tracks[row].title), row))

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
