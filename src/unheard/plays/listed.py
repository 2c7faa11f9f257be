"""Playlists and histories that name their tracks (by path, codes or artist and title), before they are matched."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from unheard.errors import TableError
from unheard.plays.imported import ImportBuilder, Imported
from unheard.plays.matching import Matcher, TrackReference


@dataclass(frozen=True)
class ListedTrack:
    """One entry; `timestamp` is in seconds since 1970.

    playlist  name of its list, in a file of several lists
    """

    reference: TrackReference
    playlist: str = ""
    weight: float = 1.0
    timestamp: float | None = None


@dataclass
class ListedFile:
    """The entries of one file, in order, and what was left out.

    history   name of the history, if the files of one folder are parts of one listener's history
    title     name of the list, if the file is one list and has a title
    """

    tracks: list[ListedTrack] = field(default_factory=list)
    history: str = ""
    title: str = ""
    invalid: int = 0
    reasons: list[TableError] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def playlists(self) -> list[str]:
        """Names of the lists in the order of the file."""
        return list(dict.fromkeys(track.playlist for track in self.tracks))

    def in_order_of_time(self) -> ListedFile:
        """Return the same history, oldest plays first; exports often begin with the newest."""
        return replace(self, tracks=sorted(self.tracks, key=lambda track: track.timestamp or 0.0))


def match_listed(listed: ListedFile, ids: Mapping[str, str], matcher: Matcher) -> Imported:
    """Match the entries of a file, given the playlist id of each list. An entry without a match leaves a gap."""
    found = ImportBuilder()
    answers: dict[TrackReference, str | None] = {}
    position: Counter[str] = Counter()
    for track in listed.tracks:
        if track.reference not in answers:
            answers[track.reference] = match_entry(track.reference, matcher)
        track_id, playlist_id = answers[track.reference], ids[track.playlist]
        if track_id is None:
            found.miss(track.reference.label)
        else:
            at = position[playlist_id]
            found.add(playlist_id, track_id, at, weight=track.weight, timestamp=track.timestamp)
        position[playlist_id] += 1
    titles = {name: name or listed.title for name in ids}
    found.names |= {ids[name]: title for name, title in titles.items() if title}
    return found.build(
        invalid=listed.invalid, reasons=listed.reasons, left_out=dict(listed.left_out), notes=listed.notes
    )


def match_entry(reference: TrackReference, matcher: Matcher, *, similar: bool = True) -> str | None:
    """Return the track of an entry; a path with %20 is tried as it is and decoded."""
    if "%" in reference.path and (found := matcher.match(replace(reference, title=""), similar=False)):
        return found
    return matcher.match(replace(reference, path=unquote(reference.path)), similar=similar)


def n_matches(tracks: Iterable[ListedTrack], matcher: Matcher) -> int:
    """Return how many entries match exactly; of texts in several encodings, the right one matches most."""
    return sum(match_entry(track.reference, matcher, similar=False) is not None for track in tracks)


def label_reference(label: str, *, path: str = "", isrc: str = "") -> TrackReference:
    """Return the reference of a label, "Artist - Title" or "Title - Artist", with any kind of dash, maybe numbered."""
    plain = label.strip().strip("\"'“”„«»").strip()
    if " - " in (unnumbered := re.sub(r"^\d{1,3}(?:\s+-|[.)])\s+", "", plain)):
        plain = unnumbered
    for dash in (" - ", " – ", " — ", " ‐ ", " ― ", " − "):
        artist, found, title = (part.strip() for part in plain.partition(dash))
        if found:
            return TrackReference(path=path, isrc=isrc, artist=artist, title=title, either_order=True)
    return TrackReference(path=path, isrc=isrc, title=plain)


def one_of(values: Sequence[object]) -> str:
    """Return the first value that is a text with letters or digits; empty if there is none."""
    return next((str(value).strip() for value in values if value is not None and str(value).strip()), "")
