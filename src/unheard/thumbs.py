"""Thumbs up and down: what a person said about single tracks, stored in W/thumbs.jsonl.

One JSON object a line: checksum (checksums.py), track_id, thumb ("up" or "down"), at (time in ISO 8601); oldest first,
each track once.

Tracks with a thumb up are the saved playlist "My likes" (saved_playlists.py). Tracks with a thumb down are in no list.
Lines of tracks that are not in the library are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from unheard.atomic_files import write_text
from unheard.checksums import seal, unseal
from unheard.file_lock import one_writer
from unheard.workspace import Workspace

Thumb = Literal["up", "down"]
Version = tuple[int, int, int, int]  # of a file: inode, times of modification and change in ns, size
NO_FILE: Version = (0, 0, 0, 0)


@dataclass(frozen=True)
class Rated:
    """One track and its thumb; `at` is the time in ISO 8601."""

    track_id: str
    thumb: Thumb
    at: str


def read_thumbs(workspace: Workspace) -> tuple[Rated, ...]:
    """Return all rated tracks, oldest first. Damaged lines are left out; `damaged_lines` returns them."""
    return _read(workspace.thumbs_path, thumbs_version(workspace))[0]


def damaged_lines(workspace: Workspace) -> tuple[str, ...]:
    """Return the lines of the file that cannot be read. They stay in the file."""
    return _read(workspace.thumbs_path, thumbs_version(workspace))[1]


def rated(workspace: Workspace, thumb: Thumb) -> tuple[str, ...]:
    """Return the ids of the tracks with a thumb up, or down, oldest first."""
    return _ids(workspace.thumbs_path, thumbs_version(workspace), thumb)


def thumb_of(workspace: Workspace, track_id: str) -> Thumb | None:
    """Return the thumb of a track; None if it has none."""
    return next((one.thumb for one in read_thumbs(workspace) if one.track_id == track_id), None)


def set_thumb(workspace: Workspace, track_id: str, thumb: Thumb | None) -> None:
    """Store the thumb of a track, in place of an earlier one; None removes it."""
    set_thumbs(workspace, {track_id: thumb})


def set_thumbs(workspace: Workspace, thumbs: Mapping[str, Thumb | None]) -> None:
    """Store the thumbs of tracks, in place of earlier ones; None removes one."""
    with one_writer(workspace.root):
        kept = [one for one in read_thumbs(workspace) if one.track_id not in thumbs]
        now = datetime.now(tz=UTC).isoformat(timespec="seconds")
        kept += [Rated(track_id, thumb, now) for track_id, thumb in thumbs.items() if thumb is not None]
        lines = (
            *damaged_lines(workspace),
            *(seal(json.dumps(asdict(one), ensure_ascii=False), workspace.thumbs_path) for one in kept),
        )
        write_text(workspace.thumbs_path, "".join(f"{line}\n" for line in lines))


def thumbs_version(workspace: Workspace) -> Version:
    """Return a value that changes with every change of the file."""
    return file_version(workspace.thumbs_path)


def file_version(path: Path) -> Version:
    """Return a value that changes with every change of a file, also of a copy with the times of another file."""
    try:
        state = path.stat()
    except OSError:
        return NO_FILE
    return state.st_ino, state.st_mtime_ns, state.st_ctime_ns, state.st_size


@lru_cache(maxsize=8)
def _read(path: Path, version: Version) -> tuple[tuple[Rated, ...], tuple[str, ...]]:
    """Return the rated tracks and the damaged lines; `version` makes the cached result that of the current file."""
    found: dict[str, Rated] = {}
    damaged = []
    text = path.read_text(encoding="utf-8", errors="replace") if version != NO_FILE else ""
    for line in filter(None, text.split("\n")):
        try:
            one = Rated(**unseal(line, path))
        except (ValueError, TypeError):
            damaged.append(line)
            continue
        if isinstance(one.track_id, str) and one.thumb in get_args(Thumb):
            found[one.track_id] = one
        else:
            damaged.append(line)
    return tuple(found.values()), tuple(damaged)


@lru_cache(maxsize=16)
def _ids(path: Path, version: Version, thumb: Thumb) -> tuple[str, ...]:
    return tuple(one.track_id for one in _read(path, version)[0] if one.thumb == thumb)
