"""Write the lists as M3U8 files for players of local files; needs neither Spotify nor an account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from unheard.errors import UserError
from unheard.recommend.export import export
from unheard.spotify.seed_lists import NamedList, check_distinct

FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')  # characters that some system does not allow in file names
MAX_BYTES = 240  # of a file name, with room for the suffix


def write_files(lists: Sequence[NamedList], folder: Path) -> list[tuple[Path, int]]:
    """Write one file for each list, replacing existing ones; return each path and its number of tracks."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; expected a folder for --m3u")
    paths = [folder / f"{file_stem(item.name)}.m3u8" for item in lists]
    check_distinct(path.name.casefold() for path in paths)
    return [(path, export(path, item.entries, title=item.name)) for path, item in zip(paths, lists, strict=True)]


def file_stem(name: str) -> str:
    """Return a playlist's name as a file name that every system allows."""
    kept = FORBIDDEN.sub("-", name.replace(": ", " - ")).strip(" .")
    return kept.encode()[:MAX_BYTES].decode(errors="ignore").rstrip(" .") or "_"
