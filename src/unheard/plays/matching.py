"""Finding the library's track that a playlist means.

In this order, the first that finds one: id; path; ISRC or MusicBrainz id; normalised artist and title; nearly the same
artist and title. Files that are duplicates stand for the track that was kept.
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

from unheard.errors import Reason
from unheard.ids import Rows
from unheard.ingest.tags import credited_artists
from unheard.library import Failure, Tracks
from unheard.plays.names import normalise

SIMILAR = 0.88  # of SequenceMatcher: "the beatles lets it be" and "beatles let it be" are .90 alike
COMMON_WORD = 500  # a word in more tracks than this tells too little to look at all of them
MAX_COMPARED = 20
UNKNOWN, FAILED = -1, -2  # rows of ids that nothing is known of, and of those whose file was skipped


@dataclass(frozen=True)
class Wanted:
    """What a source says of a track; empty where it says nothing. `path` is absolute, with forward slashes."""

    track_id: str = ""
    path: str = ""
    isrc: str = ""
    mbid: str = ""
    artist: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """How a person would name it."""
        name = f"{self.artist} - {self.title}" if self.artist and self.title else self.title
        return name or self.path or self.track_id or self.isrc or self.mbid


@dataclass
class Matcher:
    """Indexes over one library's tracks, built once for a command; that of names when the first name is looked up."""

    tracks: Tracks
    failures: Sequence[Failure]
    _kept: dict[str, str] = field(default_factory=dict, init=False)  # id of a duplicate or track -> track
    _failed: dict[str, Reason] = field(default_factory=dict, init=False)
    _paths: dict[str, str] = field(default_factory=dict, init=False)
    _path_ends: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    _codes: dict[str, str] = field(default_factory=dict, init=False)
    _names: dict[tuple[str, str], str] = field(default_factory=dict, init=False)
    _titles: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    _words: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list), init=False)
    _names_indexed: bool = field(default=False, init=False)
    _found: dict[tuple[str, str], str | None] = field(default_factory=dict, init=False)  # fuzzy answers

    def __post_init__(self) -> None:
        for track in self.tracks.items:
            self._kept[track.track_id] = track.track_id
            self._index_path(track.path, track.track_id)
        for failure in self.failures:
            kept = failure.duplicate_of if failure.duplicate_of in self.tracks.ids else ""
            if kept:
                self._index_path(failure.path, kept)
                if failure.track_id:
                    self._kept.setdefault(failure.track_id, kept)
            elif failure.track_id:
                self._failed[failure.track_id] = failure.reason

    def by_id(self, track_id: str) -> str | None:
        """The track of an id, which may be that of a duplicate."""
        return self._kept.get(track_id)

    def rows_of_ids(self) -> tuple[list[str], Rows]:
        """Every id that something is known of, and the row of its track, or FAILED."""
        failed = [track_id for track_id in self._failed if track_id not in self._kept]
        rows = self.tracks.ids.rows(self._kept.values())
        return [*self._kept, *failed], np.concatenate([rows, np.full(len(failed), FAILED, np.int32)])

    def failed(self, track_id: str) -> Reason | None:
        """Why the file of this id was skipped; None if it was not."""
        return self._failed.get(track_id)

    def match(self, wanted: Wanted) -> str | None:
        """The track that is meant, or None."""
        if found := self._kept.get(wanted.track_id) or self._by_path(wanted.path):
            return found
        if not self._names_indexed:
            self._index_names()
        for code in (wanted.isrc.replace("-", "").upper(), wanted.mbid.lower()):
            if code and code in self._codes:
                return self._codes[code]
        return self._by_name(wanted.artist, wanted.title) if wanted.title else None

    # -------------------------------------------------------------------------------------------------- paths

    def _index_path(self, path: str, track_id: str) -> None:
        if path:
            normal = normal_path(path)
            self._paths.setdefault(normal, track_id)
            self._path_ends[_end(normal)].add(track_id)

    def _by_path(self, path: str) -> str | None:
        if not path:
            return None
        normal = normal_path(path)
        if normal in self._paths:
            return self._paths[normal]
        same_end = self._path_ends.get(_end(normal), set())  # the same folder and file, seen from another machine
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
                for word in set(self._spelled(row).split()):
                    self._words[word].append(row)

    def _spelled(self, row: int) -> str:
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
        if key not in self._found:
            self._found[key] = self._nearly(*key)
        return self._found[key]

    def _nearly(self, artist: str, title: str) -> str | None:
        """The track spelled most alike, among the few that share most words; numbers have to be the same."""
        spelled = f"{artist} {title}".strip()
        shared: Counter[int] = Counter()
        for word in sorted(set(spelled.split())):
            rows = self._words.get(word, [])
            if len(rows) <= COMMON_WORD:
                shared.update(rows)
        best, best_row = SIMILAR, -1
        for row, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:MAX_COMPARED]:
            other = self._spelled(row)
            if re.findall(r"\d+", other) != re.findall(r"\d+", spelled):
                continue
            alike = SequenceMatcher(None, spelled, other, autojunk=False).ratio()
            if alike > best:
                best, best_row = alike, row
        return self.tracks[best_row].track_id if best_row >= 0 else None


def normal_path(path: str) -> str:
    """A path as a key: forward slashes, without `..`, composed Unicode."""
    return posixpath.normpath(unicodedata.normalize("NFC", path.replace("\\", "/")))


def _end(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[-2:]).casefold()
