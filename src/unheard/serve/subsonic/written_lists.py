"""The lists that `unheard go` wrote, such as "New for you", as playlists that players can read.

They are M3U8 files in a folder that go.json names. They are read for each request, because they change by themselves.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from unheard.checksums import read_sealed
from unheard.plays import Playlist
from unheard.plays.readers.m3u import is_made_by_unheard
from unheard.serve.subsonic.call import Call

PREFIX = "go:"  # of their ids among those of imported playlists


def written_lists(call: Call) -> dict[Playlist, tuple[int, ...]]:
    """Return each list with the rows of its tracks; none before the first `unheard go`, or if its files are gone."""
    try:
        state = read_sealed(call.workspace.root / "go.json")
        files = [Path(state["folder"]) / str(name) for name in state["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    found = {}
    for file in files:
        rows = _rows(call, file)
        if rows:
            at = datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
            found[Playlist(PREFIX + file.name, file.stem, str(file), at)] = rows
    return found


def _rows(call: Call, file: Path) -> tuple[int, ...]:
    try:
        if not is_made_by_unheard(file):
            return ()
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return ()
    paths = (os.path.normpath(file.parent / line) for line in lines if line and not line.startswith("#"))
    row_of_path = call.music.row_of_path
    return call.music.playable([row_of_path[path] for path in paths if path in row_of_path])
