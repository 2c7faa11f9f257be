"""What a workspace knows of its server.

W/sync/server.json   address, state of the server's last scan, playlists, stars and ratings as last seen, and the ids
                     of the playlists that unheard has written
W/sync/albums.jsonl  one album a line, with its songs; a later line replaces an earlier one, so that a sync that was
                     stopped goes on where it stopped
W/sync/tracks.csv    the table that is scanned
W/sync/audio/        downloaded files
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unheard.atomic_files import write_json, write_text
from unheard.checksums import read_sealed
from unheard.errors import UserError
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard sync", 1
STATE = "server.json"
Song = dict[str, Any]


@dataclass
class SyncState:
    """The contents of server.json.

    scanned    what the server said about its last scan; "": nothing
    playlists  id -> {"name", "changed", "songs"}
    feedback   song id -> [rating, 1 for a star]
    written    title -> id of the playlist of the server
    pending    title -> ids that playlists of this name had before one was created
    """

    url: str = ""
    scanned: str = ""
    playlists: dict[str, dict[str, Any]] = field(default_factory=dict)
    feedback: dict[str, list[int]] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    pending: dict[str, list[str]] = field(default_factory=dict)


def folder_of(workspace: Workspace) -> Path:
    """Return the folder of all files of a sync."""
    return workspace.root / "sync"


def read_state(workspace: Workspace, url: str) -> SyncState:
    """Return the state for a server; UserError for a damaged file, or if the workspace belongs to another server."""
    path = folder_of(workspace) / STATE
    if not path.is_file():
        return SyncState(url)
    try:
        values = read_sealed(path)
        if (values.pop("format"), values.pop("version")) != (FORMAT, VERSION):
            raise ValueError(f"expected {FORMAT}, version {VERSION}")
        state = SyncState(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it, and the next sync reads everything again") from error
    if url not in ("", state.url):
        raise UserError(
            f"{path}: this workspace syncs with {state.url}; use another workspace, or delete this file if that server "
            "has moved"
        )
    return state


def write_state(workspace: Workspace, state: SyncState) -> None:
    """Store the state."""
    write_json(folder_of(workspace) / STATE, {"format": FORMAT, "version": VERSION, **asdict(state)})


def read_albums(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return {"id", "key", "songs"} of each known album by id; a line that was written in part is left out."""
    found: dict[str, dict[str, Any]] = {}
    try:
        with (folder_of(workspace) / "albums.jsonl").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    album = json.loads(line)
                    found[album["id"]] = {"id": album["id"], "key": album["key"], "songs": list(album["songs"])}
                except (ValueError, KeyError, TypeError):
                    continue
    except FileNotFoundError:
        pass
    return found


def add_album(workspace: Workspace, album: dict[str, Any]) -> None:
    """Append an album; on a new line, because the last one may be torn."""
    path = folder_of(workspace) / "albums.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(album))


def write_albums(workspace: Workspace, albums: dict[str, dict[str, Any]]) -> None:
    """Replace the file by one line for each album."""
    write_text(folder_of(workspace) / "albums.jsonl", "".join(json.dumps(one) + "\n" for one in albums.values()))
