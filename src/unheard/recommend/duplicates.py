"""Find recordings of the same song, such as a remaster or a live recording, so that a list holds a song only once.

Two tracks are the same song if they share an artist group (which equal ISRCs and near-identical audio also join) and
their titles are equal without additions such as "(Live)", "[2011 Remaster]" and "- Radio Edit".
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.library import Track, Tracks
from unheard.splits.groups import loose

BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
VERSION = re.compile(
    r"\s[-–—]\s.*\b(live|remaster(ed)?|version|edit|mix|remix|mono|stereo|demo|acoustic|take)\b.*$", re.IGNORECASE
)


def song_title(title: str) -> str:
    """Return a title for comparisons, without the name of the version; empty if there is no title."""
    bare = VERSION.sub("", BRACKETS.sub(" ", title))
    return loose(bare) or loose(title)


def song_numbers(tracks: Tracks, artist: Rows) -> NDArray[np.int32]:
    """Return the number of the song of which each track is a recording, (n,) int32.

    `artist` (n,) numbers artist groups. Tracks without a title have their own numbers.
    """
    numbers: dict[tuple[int, str], int] = {}
    out = np.empty(len(tracks), np.int32)
    for row, track in enumerate(tracks.items):
        title = song_title(track.title)
        key = (int(artist[row]), title) if title else (-1 - row, "")
        out[row] = numbers.setdefault(key, len(numbers))
    return out


def same_song(tracks: Tracks, track: Track) -> list[int]:
    """Return the rows of recordings of the same song as a track from outside the library: same title, common artist."""
    title, artists = song_title(track.title), {loose(artist) for artist in track.artists}
    return [
        row
        for row, other in enumerate(tracks.items)
        if title and song_title(other.title) == title and artists & {loose(artist) for artist in other.artists}
    ]
