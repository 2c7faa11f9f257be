"""The same lists as M3U8 files, for players of local files; needs neither Spotify nor an account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unheard.errors import UserError
from unheard.recommend.export import export
from unheard.spotify.lists import NamedList, refuse_twins

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')  # in file names, on one system or another
MOST_BYTES = 240  # of a file name, with room for the suffix


def write_files(lists: Sequence[NamedList], folder: Path) -> list[tuple[Path, int]]:
    """One file a list, replaced if it is there; returns each path and how many tracks the file holds."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; --m3u takes a folder")
    paths = [folder / f"{file_stem(item.name)}.m3u8" for item in lists]
    refuse_twins(path.name.casefold() for path in paths)
    return [(path, export(path, item.entries, title=item.name)) for path, item in zip(paths, lists, strict=True)]


def file_stem(name: str) -> str:
    """A playlist's name as a file name that every system takes."""
    kept = FORBIDDEN.sub("-", name.replace(": ", " - ")).strip(" .")
    return kept.encode()[:MOST_BYTES].decode(errors="ignore").rstrip(" .") or "_"
