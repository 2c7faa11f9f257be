"""When two tracks are one song: the album and the single, the remaster, the live recording of a seed.

Nobody wants their seed back under another name. Two tracks are one song when they share an artist group (which ISRCs
and near-identical audio also join) and their titles are the same once "(Live)", "[2011 Remaster]" and "- Radio Edit"
are taken off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard.library import Track
from unheard.splits.groups import loose

if TYPE_CHECKING:
    from unheard.recommend.catalogue import Catalogue

BRACKETS = re.compile(r"[(\[{][^)\]}]*[)\]}]")
VERSION = re.compile(
    r"\s[-–—]\s.*\b(live|remaster(ed)?|version|edit|mix|remix|mono|stereo|demo|acoustic|take)\b.*$", re.IGNORECASE
)


def song_title(title: str) -> str:
    """A title without what names the version, for comparing; empty when there is no title."""
    bare = VERSION.sub("", BRACKETS.sub(" ", title))
    return loose(bare) or loose(title)


def song_numbers(catalogue: Catalogue) -> NDArray[np.int32]:
    """Number of the song that each track is a recording of, (n,) int32; tracks without a title stand alone.

    Reads every title; `Catalogue.song` keeps the answer.
    """
    numbers: dict[tuple[int, str], int] = {}
    out = np.empty(len(catalogue), np.int32)
    for row, track in enumerate(catalogue.tracks.items):
        title = song_title(track.title)
        key = (int(catalogue.artist[row]), title) if title else (-1 - row, "")
        out[row] = numbers.setdefault(key, len(numbers))
    return out


def same_song(catalogue: Catalogue, track: Track) -> list[int]:
    """Rows of the recordings of a song from outside the library: same title, an artist in common."""
    title, artists = song_title(track.title), {loose(artist) for artist in track.artists}
    return [
        row
        for row, other in enumerate(catalogue.tracks.items)
        if title and song_title(other.title) == title and artists & {loose(artist) for artist in other.artists}
    ]
