"""Search tracks by title, artist, album, genre and year, and name those that were meant by a wrong id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from unheard.library import Track, Tracks
from unheard.plays.names import without_notes
from unheard.search.search_index import SearchIndex
from unheard.search.vocabulary import Vocabulary, errors_allowed

N_SUGGESTIONS = 3
MAY_HAVE_NOTES = re.compile(r"[(\[–—-]|\sf(?:ea)?t", re.IGNORECASE)


class TrackSearch(SearchIndex):
    """An index of tracks; results are their rows, equally good ones by artist and title."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        super().__init__((_names(track), _others(track)) for track in tracks)


def near_names(wanted: str, names: Iterable[str]) -> list[str]:
    """Return up to N_SUGGESTIONS names that are most like a wrong one, best first."""
    known = list(names)
    index = SearchIndex(((name,), ()) for name in known)
    return [known[row] for row in index.search(wanted)[:N_SUGGESTIONS]] if wanted.strip() else []


def near_tracks(wanted: str, tracks: Tracks) -> list[str]:
    """Return up to N_SUGGESTIONS ids of tracks whose id or names are most like a wrong id, best first."""
    if not wanted.strip():
        return []
    ids = Vocabulary(tracks.ids)
    near = ids.near(wanted, errors=errors_allowed(wanted))
    found = [ids.strings[number] for number in (*ids.starting(wanted)[:N_SUGGESTIONS], *near[:N_SUGGESTIONS])]
    if not found:
        found = tracks.ids.take(TrackSearch(tracks.items).search(wanted)[:N_SUGGESTIONS])
    return list(dict.fromkeys(found))[:N_SUGGESTIONS]


def did_you_mean(suggestions: Sequence[str]) -> str:
    """Return a part of an error message that names suggestions; empty without any."""
    *others, last = suggestions or ("",)
    named = f"{', '.join(others)} or {last}" if others else last
    return f"did you mean {named}? " if named else ""


def did_you_mean_tracks(wrong: str, tracks: Tracks) -> str:
    """Return a part of an error message that names the tracks that a wrong id may mean; empty without any."""
    rows = [tracks.ids.row(track_id) for track_id in near_tracks(wrong, tracks)]
    return did_you_mean([f"{tracks[row].track_id!r} ({tracks[row].label})" for row in rows])


def _names(track: Track) -> tuple[str, ...]:
    """Return the main artist, the title, also without notes such as "(Remastered 2009)", and the other artists."""
    artists, title = track.artists or ("",), track.title
    bare = (without_notes(title),) if MAY_HAVE_NOTES.search(title) else ()
    return (artists[0], title, *bare, *artists[1:])


def _others(track: Track) -> tuple[str, ...]:
    """Return album, genre, and the year with its decade as people type it: 1994, 1990s, 90s."""
    year = track.release_date[:4]
    decade = (f"{year[:3]}0s", f"{year[2]}0s") if len(year) == 4 and year.isdigit() else ()
    return (track.album, track.genre, year, *decade)
