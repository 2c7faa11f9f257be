"""Ids of playlists that are files of their own (M3U): the stem where it is unique, else with folders before it.

A file keeps the id that it was imported under, so importing it again replaces the same playlist. Two files of one stem,
`rock/best.m3u` and `jazz/best.m3u`, become `rock/best` and `jazz/best`; if `best` was imported before, only the other
one gets the longer name. Files that differ in their suffix alone keep it.
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

    An id is free if nobody has it, if its origin is unknown, or if the file it came from is gone (it was moved).
    """
    origins = [origin_of(path) for path in paths]
    stored = list(stored) if origins else []
    files = {origin for origin in {one.origin for one in stored} if origin and Path(origin).exists()} | set(origins)
    there = [one for one in stored if one.origin in files]
    taken = {one.playlist_id for one in there}
    ids = {one.origin: one.playlist_id for one in there if one.origin in origins}
    new = [origin for origin in origins if origin not in ids]
    lists = {*new, *(origin for origin in files if Path(origin).suffix.lower() in SUFFIXES)}
    twins = Counter(Path(origin).with_suffix("") for origin in lists)
    parts = {origin: _parts(origin, with_suffix=twins[Path(origin).with_suffix("")] > 1) for origin in new}
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
