"""Find the track of the library that an entry of a playlist refers to.

The first of these that finds a track counts: id; path; ISRC or MusicBrainz id; normalised artist and title; the most
similar artist and title. A duplicate file refers to the track that was kept.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np

from unheard.arrays import Rows
from unheard.errors import Reason
from unheard.ingest.tags import credited_artists
from unheard.library import Failure, Tracks
from unheard.plays.names import normalise

MIN_SIMILARITY = 0.88  # of SequenceMatcher: "the beatles lets it be" and "beatles let it be" have 0.90
MAX_TRACKS_OF_WORD = 500  # a more common word is not used to find candidates
MAX_COMPARED = 20  # candidates
UNKNOWN, FAILED = -1, -2  # instead of a row: unknown ids, and ids whose file was skipped


@dataclass(frozen=True)
class TrackReference:
    """What an entry says about its track; empty fields are unknown. `path` is absolute, with forward slashes."""

    track_id: str = ""
    path: str = ""
    isrc: str = ""
    mbid: str = ""
    artist: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """The name of the track in reports."""
        name = f"{self.artist} - {self.title}" if self.artist and self.title else self.title
        return name or self.path or self.track_id or self.isrc or self.mbid


@dataclass
class Matcher:
    """Indexes of a library's tracks, built once for a command; the index of names is built when it is first needed."""

    tracks: Tracks
    failures: Sequence[Failure]
    _track_of_id: dict[str, str] = field(default_factory=dict, init=False)  # id of a duplicate or track -> track
    _failed: dict[str, Reason] = field(default_factory=dict, init=False)
    _paths: dict[str, str] = field(default_factory=dict, init=False)
    _path_ends: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    _codes: dict[str, str] = field(default_factory=dict, init=False)
    _names: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _titles: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    _words: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)
    _names_indexed: bool = field(default=False, init=False)
    _closest_cache: dict[tuple[str, str], str | None] = field(default_factory=dict, init=False)  # fuzzy answers

    def __post_init__(self) -> None:
        for track in self.tracks.items:
            self._track_of_id[track.track_id] = track.track_id
            self._index_path(track.path, track.track_id)
        for failure in self.failures:
            kept = failure.duplicate_of if failure.duplicate_of in self.tracks.ids else ""
            if kept:
                self._index_path(failure.path, kept)
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

    def match(self, reference: TrackReference) -> str | None:
        """Return the track that `reference` refers to, or None."""
        if found := self._track_of_id.get(reference.track_id) or self._by_path(reference.path):
            return found
        if not self._names_indexed:
            self._index_names()
        for code in (reference.isrc.replace("-", "").upper(), reference.mbid.lower()):
            if code and code in self._codes:
                return self._codes[code]
        return self._by_name(reference.artist, reference.title) if reference.title else None

    # -------------------------------------------------------------------------------------------------- paths

    def _index_path(self, path: str, track_id: str) -> None:
        if path:
            normal = normal_path(path)
            self._paths.setdefault(normal, track_id)
            self._path_ends[_path_end(normal)].add(track_id)

    def _by_path(self, path: str) -> str | None:
        if not path:
            return None
        normal = normal_path(path)
        if normal in self._paths:
            return self._paths[normal]
        same_end = self._path_ends.get(_path_end(normal), set())  # for example on another machine
        return next(iter(same_end)) if len(same_end) == 1 else None

    # -------------------------------------------------------------------------------------------------- names

    def _index_names(self) -> None:
        self._names_indexed = True
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

    def _by_name(self, artist: str, title: str) -> str | None:
        main = next(iter(credited_artists([artist])), "")
        key = normalise(main), normalise(title)
        found = self._names.get(key) or self._names.get((normalise(artist), key[1]))
        if found:
            return found
        if not main:
            same_title = self._titles.get(key[1], set())
            return next(iter(same_title)) if len(same_title) == 1 else None
        if key not in self._closest_cache:
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
            similarity = SequenceMatcher(None, name, other, autojunk=False).ratio()
            if similarity > best_similarity:
                best_similarity, best_row = similarity, row
        return self.tracks[best_row].track_id if best_row >= 0 else None


def normal_path(path: str) -> str:
    """Return a path as a key: forward slashes, without `..`, composed Unicode."""
    return posixpath.normpath(unicodedata.normalize("NFC", path.replace("\\", "/")))


def _path_end(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[-2:]).casefold()
