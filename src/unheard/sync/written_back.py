"""Write lists of unheard as playlists of the login's user, in place: created once, then replaced.

A written playlist has a comment that says so: by it, a workspace that has lost its notes finds the playlist again, and
no playlist of ours is read as evidence of a taste. A sync that is stopped between the creation of a playlist and the
note of its id finds it too: it is the one of that name that was not there before. A playlist that a person made is
never replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unheard.library import Library
from unheard.plays.list_marks import ABOUT
from unheard.plays.readers.m3u import is_made_by_unheard
from unheard.sync.read_server import each, is_written, playlists_of
from unheard.sync.subsonic_client import SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import SyncState, write_state
from unheard.workspace import Workspace

PER_REQUEST = 100  # songs in an address, of some 5,000 characters; a form takes all


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


def write_list(
    workspace: Workspace,
    client: SubsonicClient,
    state: SyncState,
    title: str,
    songs: Sequence[str],
    *,
    known_as: str = "",
) -> str:
    """Create or replace one playlist; return its id on the server.

    known_as  the id that an earlier call returned, for a list that may have another title now
    """
    there = [one for one in playlists_of(client, others=False) if one.get("readonly") is not True]
    own = _existing(there, state, title, known_as)
    step = len(songs) if client.has_forms else PER_REQUEST
    first = list(songs[:step])
    if own:
        client.change("createPlaylist", playlistId=own, name=title, songId=first)
    else:
        if title not in state.pending:
            state.pending[title] = [str(one["id"]) for one in there if one.get("name") == title]
            write_state(workspace, state)
        made = client.change("createPlaylist", name=title, songId=first).get("playlist")
        own = str(made["id"]) if isinstance(made, dict) and made.get("id") else _created(client, state, title)
    state.written[title] = own
    state.pending.pop(title, None)
    write_state(workspace, state)
    for start in range(step, len(songs), PER_REQUEST):
        client.change("updatePlaylist", playlistId=own, songIdToAdd=list(songs[start : start + PER_REQUEST]))
    about = next((one for one in there if str(one["id"]) == own), {})
    if not is_written(about) or about.get("name") != title:
        client.change("updatePlaylist", playlistId=own, name=title, comment=ABOUT)
    return own


def _existing(there: Sequence[dict[str, Any]], state: SyncState, title: str, known_as: str) -> str:
    """Return the id of the playlist to replace; "" if there is none.

    It is the one that was written before; else, if the notes of that are lost, one of this title with our comment; else
    one that a sync created and could not note any more.
    """
    ids = {str(one["id"]): one for one in there}
    for noted in (known_as, state.written.get(title, "")):
        if noted in ids:
            return noted
    same_title = [name for name, one in ids.items() if one.get("name") == title]
    marked = [name for name in same_title if is_written(ids[name])]
    if marked:
        return marked[0]
    new = [name for name in same_title if name not in state.pending.get(title, same_title)]
    return new[0] if len(new) == 1 else ""


def _created(client: SubsonicClient, state: SyncState, title: str) -> str:
    """Return the id of a playlist that was just created, on a server that does not answer with it (before 1.14)."""
    new = [
        str(one["id"])
        for one in playlists_of(client, others=False)
        if one.get("name") == title and str(one["id"]) not in state.pending[title]
    ]
    if len(new) != 1:
        raise SubsonicAnswerError(f"createPlaylist: {title!r} was created, but the server does not list it")
    return new[0]
