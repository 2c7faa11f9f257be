"""Choose ids of playlists that are files: the stem of the file name, with folders before it if needed.

A file keeps the id under which it was first imported, so importing it again replaces the same playlist. Two files with
one stem, `rock/best.m3u` and `jazz/best.m3u`, become `rock/best` and `jazz/best`; if `best` was imported before, only
the other file gets the longer name. Files that differ only in their suffix keep the suffix in their ids. A list within
a file of several has its own name, with the file's before it if needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from unheard.plays.storage import Playlist


class ListKey(NamedTuple):
    """What identifies a list: its file, and its name if the file (or folder) has several lists."""

    file: Path
    name: str = ""

    @property
    def origin(self) -> str:
        """The text under which the source of the list is stored."""
        return origin_of(self.file) + (f"#{self.name}" if self.name else "")


def origin_of(path: Path) -> str:
    """Return the path under which the source of a playlist is stored."""
    return path.resolve().as_posix()


def list_ids(keys: Sequence[ListKey], stored: Iterable[Playlist]) -> list[str]:
    """Return an id for each list, given the playlists that the workspace has.

    An id is free if no playlist has it, if the origin of its playlist is unknown, or if that file is missing (moved).
    """
    key_of = {key.origin: key for key in keys}
    stored = list(stored) if key_of else []
    files = {origin for origin in {playlist.origin for playlist in stored} if origin and _exists(origin)} | set(key_of)
    existing = [playlist for playlist in stored if playlist.origin in files]
    taken = {playlist.playlist_id for playlist in existing}
    ids = {playlist.origin: playlist.playlist_id for playlist in existing if playlist.origin in key_of}
    new = [origin for origin in key_of if origin not in ids]
    n_same_stem = Counter(Path(origin).with_suffix("") for origin in {*new, *files} if "#" not in Path(origin).name)
    parts = {origin: _parts(key_of[origin], n_same_stem) for origin in new}
    deepest = max((len(of_origin) for of_origin in parts.values()), default=0)
    for depth in range(1, deepest + 1):
        names = {origin: "/".join(of_origin[-depth:]) for origin, of_origin in parts.items()}
        count = Counter(names.values())
        ids |= {
            origin: name
            for origin, name in names.items()
            if origin not in ids and count[name] == 1 and name not in taken
        }
        if len(ids) >= len(key_of):
            break
    return [ids.get(key.origin, key.origin) for key in keys]


def _exists(origin: str) -> bool:
    """Return whether the file of a list exists; names of files and of lists may hold `#` too."""
    ends = [at for at, letter in enumerate(origin) if letter == "#"]
    return any(Path(origin[:end]).exists() for end in (len(origin), *ends))


def _parts(key: ListKey, n_same_stem: Counter[Path]) -> tuple[str, ...]:
    origin = Path(origin_of(key.file))
    path = Path(normalize("NFC", origin.as_posix()))
    keeps_suffix = n_same_stem[origin.with_suffix("")] > 1 or (bool(key.name) and key.file.is_dir())
    parts = (path if keeps_suffix else path.with_suffix("")).parts
    parts = parts[1:] if parts[0] == path.anchor else parts
    return (*parts, normalize("NFC", key.name)) if key.name else parts
