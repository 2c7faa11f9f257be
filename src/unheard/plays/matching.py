"""Find the track of the library that an entry of a playlist refers to.

The first of these that finds a track counts: id; the same path; ISRC or MusicBrainz id; the longest common end of the
paths, unless the names contradict it; normalised artist and title; the most similar artist and title; names taken from
the path. A duplicate file refers to the track that was kept.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import numpy as np

from unheard.arrays import Rows
from unheard.errors import Reason
from unheard.ingest.tags import credited_artists
from unheard.library import Failure, Tracks
from unheard.plays.names import contradicts, normalise
from unheard.plays.path_index import PathIndex

MIN_SIMILARITY = 0.88  # of SequenceMatcher: "the beatles lets it be" and "beatles let it be" have 0.90
MAX_TRACKS_OF_WORD = 500  # a more common word is not used to find candidates
MAX_COMPARED = 20  # candidates
MAX_CLOSEST = 200_000  # answers that are kept
UNKNOWN, FAILED = -1, -2  # instead of a row: unknown ids, and ids whose file was skipped


@dataclass(frozen=True)
class TrackReference:
    """What an entry says about its track; empty fields are unknown.

    path          absolute, with forward slashes
    either_order  artist and title are from one label, such as "Halo - Beyoncé", and may be the other way round
    """

    track_id: str = ""
    path: str = ""
    isrc: str = ""
    mbid: str = ""
    artist: str = ""
    title: str = ""
    either_order: bool = False

    @property
    def label(self) -> str:
        """The name of the track in reports."""
        name = f"{self.artist} - {self.title}" if self.artist and self.title else self.title
        return name or self.path or self.track_id or self.isrc or self.mbid

    def other_orders(self) -> list[TrackReference]:
        """Return the other ways to read artist and title of one label: "A - B" and "A - B - C" from the end."""
        if not self.either_order or not self.artist:
            return []
        start, _, end = self.label.rpartition(" - ")
        pairs = [(self.title, self.artist), (end, start), (start, end)]
        return [
            replace(self, artist=artist, title=title)
            for artist, title in dict.fromkeys(pairs)
            if (artist, title) != (self.artist, self.title)
        ]


@dataclass
class Matcher:
    """Indexes of a library's tracks, built once for a command; the index of names is built when it is first needed."""

    tracks: Tracks
    failures: Sequence[Failure]
    _track_of_id: dict[str, str] = field(default_factory=dict, init=False)  # id of a duplicate or track -> track
    _failed: dict[str, Reason] = field(default_factory=dict, init=False)
    _paths: PathIndex = field(default_factory=PathIndex, init=False)
    _codes: dict[str, str] = field(default_factory=dict, init=False)
    _names: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _titles: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    _words: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)
    _names_indexed: bool = field(default=False, init=False)
    _closest_cache: dict[tuple[str, str], str | None] = field(default_factory=dict, init=False)  # fuzzy answers

    def __post_init__(self) -> None:
        for track in self.tracks.items:
            self._track_of_id[track.track_id] = track.track_id
            self._paths.add(track.path, track.track_id)
        for failure in self.failures:
            kept = failure.duplicate_of if failure.duplicate_of in self.tracks.ids else ""
            if kept:
                self._paths.add(failure.path, kept)
                if failure.track_id:
                    self._track_of_id.setdefault(failure.track_id, kept)
            elif failure.track_id:
                self._failed[failure.track_id] = failure.reason

    def by_id(self, track_id: str) -> str | None:
        """Return the track of an id, which may be the id of a duplicate; None if it is unknown."""
        return self._track_of_id.get(track_id)

    def rows_of_ids(self) -> tuple[list[str], Rows]:
        """Return every known id, and for each the row of its track, or FAILED."""
        failed = [track_id for track_id in self._failed if track_id not in self._track_of_id]
        rows = self.tracks.ids.rows(self._track_of_id.values())
        return [*self._track_of_id, *failed], np.concatenate([rows, np.full(len(failed), FAILED, np.int32)])

    def failed(self, track_id: str) -> Reason | None:
        """Return why the file of this id was skipped; None if it was not."""
        return self._failed.get(track_id)

    def match(self, reference: TrackReference, *, similar: bool = True) -> str | None:
        """Return the track that `reference` refers to, or None. `similar`: also by names that are nearly equal."""
        if found := self._track_of_id.get(reference.track_id) or self._paths.exact(reference.path):
            return found
        if reference.isrc or reference.mbid or reference.title:
            self._need_names()
        for code in (reference.isrc.replace("-", "").upper(), reference.mbid.lower()):
            if code and code in self._codes:
                return self._codes[code]
        orders = [reference, *reference.other_orders()]
        return self._by_path_end(reference, orders) or self._by_names(reference, orders, similar=similar)

    # -------------------------------------------------------------------------------------------------- paths

    def _by_path_end(self, reference: TrackReference, orders: Sequence[TrackReference]) -> str | None:
        """Return the track with the longest common end of its path; names break ties and may contradict it."""
        if not reference.path:
            return None
        found = self._paths.with_common_end(reference.path)
        if reference.title and found:
            named = [one for order in orders if (one := self._same_name(order.artist, order.title))]
            if agreeing := [track_id for track_id in found if track_id in named]:
                return agreeing[0]
            found = [track_id for track_id in found if not self._contradicts(track_id, orders, named=bool(named))]
        return found[0] if len(found) == 1 else None

    def _contradicts(self, track_id: str, orders: Sequence[TrackReference], *, named: bool) -> bool:
        """Return whether every order of the names is of another track.

        It is if artist and title both differ, or if the title differs and another track has the names.
        """
        track = self.tracks[self.tracks.ids.row(track_id)]
        return all(
            contradicts(order.title, track.title)
            and (named or contradicts(order.artist, track.artist, track.album_artist))
            for order in orders
        )

    def _by_path_names(self, path: str) -> str | None:
        """Return the track with the names that a path has: "Artist - Title", or the artist as a folder."""
        parts = path.replace("\\", "/").rsplit("/", 3)
        stem = re.sub(r"^\d{1,3}(?:-\d{1,3})?\s*[-._ )]\s*", "", parts[-1].rpartition(".")[0] or parts[-1])
        artist, dash, title = stem.partition(" - ")
        pairs = [(artist, title)] if dash else []
        pairs += [(folder, stem) for folder in reversed(parts[-3:-1])]
        return next((found for pair in pairs if all(pair) and (found := self._same_name(*pair))), None)

    # -------------------------------------------------------------------------------------------------- names

    def _by_names(self, reference: TrackReference, orders: Sequence[TrackReference], *, similar: bool) -> str | None:
        if not reference.title:
            if not reference.path or "://" in reference.path:
                return None
            self._need_names()
            return self._by_path_names(reference.path)
        exact = next((found for order in orders if (found := self._same_name(order.artist, order.title))), None)
        if exact or not similar:
            return exact
        return next((found for order in orders if (found := self._similar(order.artist, order.title))), None)

    def _need_names(self) -> None:
        if not self._names_indexed:
            self._names_indexed = True
            self._index_names()

    def _index_names(self) -> None:
        for row, track in enumerate(self.tracks.items):
            for code in (track.isrc, track.mbid):
                if code:
                    self._codes.setdefault(code, track.track_id)
            if track.title:
                title = normalise(track.title)
                for artist in {track.artists[0], track.artist} if track.artists else {""}:
                    self._names.setdefault((normalise(artist), title), track.track_id)
                self._titles[title].add(track.track_id)
                for word in set(self._full_name(row).split()):
                    self._words[word].append(row)

    def _full_name(self, row: int) -> str:
        track = self.tracks[row]
        return f"{normalise(track.artists[0]) if track.artists else ''} {normalise(track.title)}".strip()

    def _same_name(self, artist: str, title: str) -> str | None:
        """Return the track with this artist and title. Without an artist, the title has to be of one track alone."""
        key = normalise(title)
        main = next(iter(credited_artists([artist])), "")
        if not main:
            same_title = self._titles.get(key, set())
            return next(iter(same_title)) if len(same_title) == 1 else None
        first = re.split(r",|/|&| x | and | with ", main, maxsplit=1)[0]  # "A, B & C"
        return next((found for one in (main, artist, first) if (found := self._names.get((normalise(one), key)))), None)

    def _similar(self, artist: str, title: str) -> str | None:
        key = normalise(next(iter(credited_artists([artist])), "")), normalise(title)
        if not key[0]:
            return None
        if key not in self._closest_cache:
            if len(self._closest_cache) >= MAX_CLOSEST:
                self._closest_cache.clear()
            self._closest_cache[key] = self._closest(*key)
        return self._closest_cache[key]

    def _closest(self, artist: str, title: str) -> str | None:
        """Return the track with the most similar name among those that share most words; numbers have to be equal."""
        name = f"{artist} {title}".strip()
        shared: Counter[int] = Counter()
        for word in sorted(set(name.split())):
            rows = self._words.get(word, [])
            if len(rows) <= MAX_TRACKS_OF_WORD:
                shared.update(rows)
        best_similarity, best_row = MIN_SIMILARITY, -1
        for row, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:MAX_COMPARED]:
            other = self._full_name(row)
            if re.findall(r"\d+", other) != re.findall(r"\d+", name):
                continue
            matcher = SequenceMatcher(None, name, other, autojunk=False)
            if matcher.real_quick_ratio() > best_similarity and matcher.quick_ratio() > best_similarity:  # upper bounds
                similarity = matcher.ratio()
                if similarity > best_similarity:
                    best_similarity, best_row = similarity, row
        return self.tracks[best_row].track_id if best_row >= 0 else None
