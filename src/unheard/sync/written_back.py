"""Write lists of unheard as playlists of the login's user, in place: created once, then replaced.

A sync that is stopped between the creation of a playlist and the note of its id finds the playlist again: it is the one
of that name that was not there before. A playlist that a person made is never replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from unheard.library import Library
from unheard.plays.readers.m3u import is_made_by_unheard
from unheard.sync.read_server import each, entries
from unheard.sync.subsonic_client import SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import SyncState, write_state
from unheard.workspace import Workspace

PER_REQUEST = 100  # songs: an address of some 5,000 characters
NOT_FOUND = 70


def lists_of_go(workspace: Workspace) -> dict[str, list[str]]:
    """Return the track ids of each list that `unheard go` wrote, by title; none before the first run."""
    try:
        values = json.loads((workspace.root / "go.json").read_text(encoding="utf-8"))
        files = [Path(values["folder"]) / str(name) for name in values["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    with Library(workspace.library_path) as library:
        id_of_path = {track.path: track.track_id for track in library.tracks().items if track.path}
    found = {}
    for file in files:
        if file.is_file() and is_made_by_unheard(file):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            paths = [os.path.normpath(file.parent / line) for line in lines if line and not line.startswith("#")]
            found[file.stem] = [id_of_path[path] for path in paths if path in id_of_path]
    return {title: ids for title, ids in found.items() if ids}


def write_lists(
    workspace: Workspace,
    client: SubsonicClient,
    state: SyncState,
    lists: dict[str, list[str]],
    problems: list[str],
) -> int:
    """Write every list, and return how many were written; song ids are those of the server."""
    n = 0
    for title, fail in each(lists, problems):
        try:
            write_list(workspace, client, state, title, lists[title])
            n += 1
        except SubsonicAnswerError as error:
            fail(error)
    return n


def write_list(workspace: Workspace, client: SubsonicClient, state: SyncState, title: str, songs: Sequence[str]) -> str:
    """Create or replace one playlist; return its id on the server."""
    own = state.written.get(title, "")
    there = entries((client.get("getPlaylists").get("playlists") or {}).get("playlist"))
    if own not in {str(one["id"]) for one in there}:
        same_name = [str(one["id"]) for one in there if one.get("name") == title]
        before = state.pending.get(title)
        new = [] if before is None else [name for name in same_name if name not in before]
        own = new[0] if len(new) == 1 else ""
        if not own and before is None:
            state.pending[title] = same_name
            write_state(workspace, state)
    first = list(songs[:PER_REQUEST])
    if own:
        client.post("createPlaylist", playlistId=own, songId=first)
    else:
        made = client.post("createPlaylist", name=title, songId=first).get("playlist")
        own = str(made["id"]) if isinstance(made, dict) and made.get("id") else _created(client, state, title)
    state.written[title] = own
    state.pending.pop(title, None)
    write_state(workspace, state)
    for start in range(PER_REQUEST, len(songs), PER_REQUEST):
        client.post("updatePlaylist", playlistId=own, songIdToAdd=list(songs[start : start + PER_REQUEST]))
    return own


def _created(client: SubsonicClient, state: SyncState, title: str) -> str:
    """Return the id of a playlist that was just created, on a server that does not answer with it (before 1.14)."""
    there = entries((client.get("getPlaylists").get("playlists") or {}).get("playlist"))
    known = state.pending.get(title, [])
    new = [str(one["id"]) for one in there if one.get("name") == title and str(one["id"]) not in known]
    if len(new) != 1:
        raise SubsonicAnswerError(f"createPlaylist: {title!r} was created, but the server does not list it")
    return new[0]
