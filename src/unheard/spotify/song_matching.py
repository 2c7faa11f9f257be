"""Find the song on Spotify that is a track of the library: by ISRC, else by artist and title.

A search also returns similar songs, so a result is only used if it matches: a wrong song in a playlist is worse than a
missing one. Names are compared as in `plays/names.py`: case, accents, punctuation, featured artists and
notes such as "Remastered 2011" are ignored; "Live" and "Remix" are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unheard.ingest.tags import credited_artists
from unheard.library import Track
from unheard.plays.names import normalise, without_notes
from unheard.recommend.export import one_line

MAX_QUERY = 100  # characters; Spotify refuses longer searches
MAX_TITLE = 60  # characters of the title in it


@dataclass(frozen=True)
class Song:
    """One track of Spotify's catalogue."""

    uri: str
    title: str
    artists: tuple[str, ...]
    isrc: str = ""


def queries(track: Track) -> list[str]:
    """Return searches for a track, best first; none for a track without ISRC and without artist or title."""
    searches = [f"isrc:{isrc}"] if (isrc := _code(track.isrc)) else []
    title, artist = _words(without_notes(track.title)), _words(next(iter(credited_artists(track.artists)), ""))
    if title and artist:
        query = f"track:{_cut(title, MAX_TITLE)} artist:"
        searches.append(query + _cut(artist, MAX_QUERY - len(query)))
    return searches


def choose(track: Track, songs: Sequence[Song]) -> Song | None:
    """Return the song that is the track, or None; of several equally good ones the first in Spotify's order."""
    isrc = _code(track.isrc)
    if isrc and (same := [song for song in songs if _code(song.isrc) == isrc]):
        return same[0]
    matching = [song for song in songs if matches(track, song)]
    same_spelling = [song for song in matching if song.title.casefold() == track.title.casefold()]
    return next(iter(same_spelling + matching), None)


def matches(track: Track, song: Song) -> bool:
    """Return whether the titles are the same and the main artist of one is credited by the other."""
    ours, theirs = _names(track.artists), _names(song.artists)
    if not ours or not theirs or not normalise(track.title):
        return False
    return normalise(track.title) == normalise(song.title) and (ours[0] in theirs or theirs[0] in ours)


def _names(artists: Iterable[str]) -> list[str]:
    return [normalise(name) for name in credited_artists(artists)]


def _code(isrc: str) -> str:
    """Return an ISRC as letters and digits; "" if it has other characters."""
    code = isrc.replace("-", "").strip().upper()
    return code if code.isascii() and code.isalnum() else ""


def _words(text: str) -> str:
    """Return text without the characters of the search syntax: quotes and colons."""
    return " ".join(one_line(text).replace('"', " ").replace(":", " ").split())


def _cut(text: str, maximum: int) -> str:
    """Return at most `maximum` characters, cut between words if possible."""
    if len(text) <= maximum:
        return text
    return text[: maximum + 1].rpartition(" ")[0] or text[:maximum]
