"""Which of Spotify's songs is a track of the library: the one of the same ISRC, else of the same artist and title.

A search answers with whatever is near, so its answer is only believed if it agrees: a wrong song in a playlist is worse
than a missing one. Names agree as in `ingest/playlists/names.py`: case, accents, punctuation, featured artists and
notes such as "Remastered 2011" do not matter; "Live" and "Remix" do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unheard.ingest.tags import credited_artists
from unheard.library import Track
from unheard.plays.names import normalise, without_notes
from unheard.recommend.export import one_line

MOST_QUERY = 100  # characters; Spotify refuses longer searches
MOST_TITLE = 60  # of them


@dataclass(frozen=True)
class Song:
    """What Spotify says of one of its tracks."""

    uri: str
    title: str
    artists: tuple[str, ...]
    isrc: str = ""


def queries(track: Track) -> list[str]:
    """Searches for a track, best first; none for a track without ISRC that has no artist or no title."""
    found = [f"isrc:{isrc}"] if (isrc := _code(track.isrc)) else []
    title, artist = _words(without_notes(track.title)), _words(next(iter(credited_artists(track.artists)), ""))
    if title and artist:
        query = f"track:{_cut(title, MOST_TITLE)} artist:"
        found.append(query + _cut(artist, MOST_QUERY - len(query)))
    return found


def choose(track: Track, songs: Sequence[Song]) -> Song | None:
    """The song that is the track; None if none is. Spotify's order decides between equals."""
    isrc = _code(track.isrc)
    if isrc and (same := [song for song in songs if _code(song.isrc) == isrc]):
        return same[0]
    agreeing = [song for song in songs if agree(track, song)]
    spelled = [song for song in agreeing if song.title.casefold() == track.title.casefold()]
    return next(iter(spelled + agreeing), None)


def agree(track: Track, song: Song) -> bool:
    """Whether titles are the same, and the main artist of one is credited by the other."""
    ours, theirs = _names(track.artists), _names(song.artists)
    if not ours or not theirs or not normalise(track.title):
        return False
    return normalise(track.title) == normalise(song.title) and (ours[0] in theirs or theirs[0] in ours)


def _names(artists: Iterable[str]) -> list[str]:
    return [normalise(name) for name in credited_artists(artists)]


def _code(isrc: str) -> str:
    """An ISRC as letters and digits; empty if it holds anything else."""
    code = isrc.replace("-", "").strip().upper()
    return code if code.isascii() and code.isalnum() else ""


def _words(text: str) -> str:
    """Text without what a search reads as syntax: quotes, and the colon of a field."""
    return " ".join(one_line(text).replace('"', " ").replace(":", " ").split())


def _cut(text: str, most: int) -> str:
    """At most so many characters, whole words if there is one."""
    if len(text) <= most:
        return text
    return text[: most + 1].rpartition(" ")[0] or text[:most]
