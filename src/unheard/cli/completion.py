"""Complete ids of playlists and tracks in a shell, from the workspace that the command line names.

Nothing is printed and no error is raised: without a workspace there is nothing to complete.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from typer import Context

from unheard.errors import UnheardError
from unheard.workspace import Workspace

MAX_COMPLETIONS = 100
Completions = list[tuple[str, str]]  # (id, what a shell shows beside it)


def playlist_ids(ctx: Context, incomplete: str) -> Completions:
    """Return the ids of playlists that start with the typed text, with their names."""
    from unheard.plays import read_playlists

    opened = _workspace(ctx)
    try:
        stored = read_playlists(opened) if opened else []
    except UnheardError:
        return []
    return _starting([(one.playlist_id, one.name if one.name != one.playlist_id else "") for one in stored], incomplete)


def track_ids(ctx: Context, incomplete: str) -> Completions:
    """Return the ids of tracks that start with the typed text, with artist and title."""
    from unheard.library import open_library

    opened = _workspace(ctx)
    try:
        if opened is None:
            return []
        with open_library(opened.library_path) as library:
            return _starting([(track.track_id, track.label) for track in library.tracks().items], incomplete)
    except (UnheardError, sqlite3.Error):
        return []


def _starting(pairs: Completions, incomplete: str) -> Completions:
    wanted = incomplete.casefold()
    return [pair for pair in pairs if pair[0].casefold().startswith(wanted)][:MAX_COMPLETIONS]


def _workspace(ctx: Context) -> Workspace | None:
    """Return the workspace of -w or of UNHEARD_WORKSPACE."""
    path = ctx.params.get("workspace") or os.environ.get("UNHEARD_WORKSPACE")
    try:
        return Workspace.open(Path(path)) if path else None
    except UnheardError:
        return None
