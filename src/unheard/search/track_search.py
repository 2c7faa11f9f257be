"""Search tracks by title, artist, album, genre and year, and name those that were meant by a wrong id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from unheard.arrays import Rows
from unheard.library import Track
from unheard.plays.names import without_notes
from unheard.search.folding import fold
from unheard.search.search_index import SearchIndex

N_SUGGESTIONS = 3


class TrackSearch:
    """An index of tracks; results are their rows, equally good ones by artist and title."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        keys = [(fold(track.artist), fold(track.title)) for track in tracks]
        self._order = np.array(sorted(range(len(tracks)), key=keys.__getitem__), np.int32)
        self._index = SearchIndex((_names(tracks[row]), _others(tracks[row])) for row in self._order)

    def search(self, query: str) -> Rows:
        """Return the tracks that match every word of a query, best first; all tracks for a blank one."""
        return self._order[self._index.search(query)]


def near_names(wanted: str, names: Iterable[str], *, n: int = N_SUGGESTIONS) -> list[str]:
    """Return the names that are most like a wrong one, best first."""
    known = list(names)
    index = SearchIndex(((name,), ()) for name in known)
    return [known[row] for row in index.search(wanted)[:n]]


def did_you_mean(suggestions: Sequence[str]) -> str:
    """Return a part of an error message that names suggestions; empty without any."""
    return f"; did you mean {' or '.join(suggestions)}?" if suggestions else ""


def _names(track: Track) -> tuple[str, ...]:
    title = track.title
    bare = without_notes(title) if " " in title else title
    return (title, *track.artists) if bare == title else (title, bare, *track.artists)


def _others(track: Track) -> Iterator[str] | tuple[str, ...]:
    year = track.release_date[:4]
    decade = (f"{year[:3]}0s", f"{year[2]}0s") if len(year) == 4 and year.isdigit() else ()
    return (track.album, track.genre, year, *decade)
