"""Choose ids of playlists that are files (M3U): the stem of the file name, with folders before it if needed.

A file keeps the id under which it was first imported, so importing it again replaces the same playlist. Two files with
one stem, `rock/best.m3u` and `jazz/best.m3u`, become `rock/best` and `jazz/best`; if `best` was imported before, only
the other file gets the longer name. Files that differ only in their suffix keep the suffix in their ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import normalize

from unheard.plays.readers.m3u import SUFFIXES
from unheard.plays.storage import Playlist


def origin_of(path: Path) -> str:
    """Return the path under which the source of a playlist is stored."""
    return path.resolve().as_posix()


def list_ids(paths: Sequence[Path], stored: Iterable[Playlist]) -> list[str]:
    """Return an id for each file, given the playlists that the workspace has.

    An id is free if no playlist has it, if the origin of its playlist is unknown, or if that file is missing (moved).
    """
    origins = [origin_of(path) for path in paths]
    stored = list(stored) if origins else []
    files = {origin for origin in {playlist.origin for playlist in stored} if origin and Path(origin).exists()} | set(
        origins
    )
    existing = [playlist for playlist in stored if playlist.origin in files]
    taken = {playlist.playlist_id for playlist in existing}
    ids = {playlist.origin: playlist.playlist_id for playlist in existing if playlist.origin in origins}
    new = [origin for origin in origins if origin not in ids]
    lists = {*new, *(origin for origin in files if Path(origin).suffix.lower() in SUFFIXES)}
    n_same_stem = Counter(Path(origin).with_suffix("") for origin in lists)
    parts = {origin: _parts(origin, with_suffix=n_same_stem[Path(origin).with_suffix("")] > 1) for origin in new}
    deepest = max((len(of_origin) for of_origin in parts.values()), default=0)
    for depth in range(1, deepest + 1):
        names = {origin: "/".join(of_origin[-depth:]) for origin, of_origin in parts.items()}
        count = Counter(names.values())
        ids |= {
            origin: name
            for origin, name in names.items()
            if origin not in ids and count[name] == 1 and name not in taken
        }
        if len(ids) >= len(set(origins)):
            break
    return [ids.get(origin, origin) for origin in origins]


def _parts(origin: str, *, with_suffix: bool) -> tuple[str, ...]:
    path = Path(normalize("NFC", origin))
    parts = (path if with_suffix else path.with_suffix("")).parts
    return parts[1:] if parts[0] == path.anchor else parts
