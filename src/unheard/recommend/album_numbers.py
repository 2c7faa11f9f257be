"""Number the albums of a library, so that a list can limit the tracks of one album.

A title is no album: every second artist has "Greatest Hits". An album is its title and

    its album artist         if the tag names one
    "various artists"        if the tag says so
    its folder               if there is no tag, and the folder has a compilation or a mix of that title
    the track's main artist  otherwise

A compilation has tracks by MIN_ARTISTS or more artists, and MAX_TRACKS_PER_ARTIST by each on average. A title that many
albums have (COMMON_TITLES) also has to be that of at least half of the folder's tracks, because a folder of single
tracks may hold one of each artist's "Greatest Hits".

Folders of one disc ("CD 2") count as the folder above.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from unheard.artist_names import NO_ALBUM, NO_ARTIST, loose
from unheard.library import Track, Tracks
from unheard.splits.groups import main_artist

MIN_ARTISTS = 3
MAX_TRACKS_PER_ARTIST = 2
COMMON_TITLES = frozenset(
    {
        "anthology", "best of", "collection", "demo", "demos", "ep", "essential", "gold", "greatest hits", "hits",
        "live", "remixes", "single", "singles", "unplugged", "very best of",
    }
)  # fmt: skip
DISC_FOLDER = re.compile(r"(?:cd|dis[ck]|dvd|vinyl|side)[\s._-]*\w{1,2}", re.IGNORECASE)


def album_numbers(tracks: Tracks) -> NDArray[np.int32]:
    """Return the number of each track's album, (n,) int32; tracks without an album title have their own numbers."""
    compilations = _compilations(tracks)
    numbers: dict[Hashable, int] = {}
    out = np.empty(len(tracks), np.int32)
    for row, track in enumerate(tracks.items):
        title, folder, artist = loose(track.album), album_folder(track), main_artist(track)
        key: Hashable
        if title in NO_ALBUM:
            key = row
        elif _is_named(track):
            key = ("artist", loose(track.album_artist), title)
        elif track.album_artist:
            key = ("various", title)
        elif (folder, title) in compilations or not artist:
            key = ("folder", folder, title)
        else:
            key = ("artist", artist, title)
        out[row] = numbers.setdefault(key, len(numbers))
    return out


def _compilations(tracks: Tracks) -> frozenset[tuple[str, str]]:
    """Return (folder, title) of the compilations without an album artist."""
    size: Counter[str] = Counter()
    artists: dict[tuple[str, str], list[str]] = defaultdict(list)  # main artist of each track
    for track in tracks.items:
        if folder := album_folder(track):
            size[folder] += 1
            if not track.album_artist:
                artists[folder, loose(track.album)].append(main_artist(track))
    return frozenset(
        (folder, title)
        for (folder, title), found in artists.items()
        if len(set(found)) >= MIN_ARTISTS
        and len(found) <= MAX_TRACKS_PER_ARTIST * len(set(found))
        and (title not in COMMON_TITLES or 2 * len(found) >= size[folder])
    )


def album_folder(track: Track) -> str:
    """Return the folder of a track's album; empty without a file."""
    if not track.path:
        return ""
    folder = PurePath(track.path).parent
    return str(folder.parent if DISC_FOLDER.fullmatch(folder.name) else folder)


def _is_named(track: Track) -> bool:
    """Return whether a tag names the album's artist."""
    return loose(track.album_artist) not in NO_ARTIST
