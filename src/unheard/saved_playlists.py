"""Saved playlists: lists of tracks that a person keeps under a name, one small JSON file each.

    W/saved/<id>.json   {"format": "unheard saved playlist", "version": 1, "name": ..., "tracks": [track ids in order],
                        "created": ..., "changed": ..., "comment": ...} with times in ISO 8601

The id is made from the first name and stays when the playlist is renamed. Among the ids of imported playlists, as in
`/api/recommend/{playlist_id}` and in `plays/`, a saved playlist is `saved:<id>`. Tracks that are not in the library are
kept. "My likes" is a saved playlist without a file: the tracks with a thumb up (thumbs.py), in the order of the thumbs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from unheard.atomic_files import read_json, write_json
from unheard.errors import UserError
from unheard.file_lock import one_writer
from unheard.thumbs import Version, read_thumbs, thumbs_version
from unheard.workspace import Workspace

FORMAT, VERSION = "unheard saved playlist", 1
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
PREFIX = "saved:"
LIKES = "my-likes"
MAX_NAME_CHARS = 200
MAX_TRACKS = 5_000
MAX_PLAYLISTS = 1_000  # of a workspace; every list of them reads all of their files


@dataclass(frozen=True)
class SavedPlaylist:
    """One saved playlist; `created` and `changed` are times in ISO 8601, `comment` is what a player says about it."""

    saved_id: str
    name: str
    track_ids: tuple[str, ...]
    created: str = ""
    changed: str = ""
    comment: str = ""

    @property
    def playlist_id(self) -> str:
        """Its id among those of imported playlists."""
        return PREFIX + self.saved_id

    @property
    def is_likes(self) -> bool:
        """Whether it consists of the tracks with a thumb up, so that it has no file."""
        return self.saved_id == LIKES


def saved_playlists(workspace: Workspace) -> tuple[list[SavedPlaylist], list[str]]:
    """Return "My likes" if it has tracks, then all others by name; and messages about files that cannot be read."""
    found, problems = [], []
    for path in sorted(workspace.saved_dir.glob("*.json")):
        if ID.fullmatch(path.stem) is None:
            problems.append(f"{path}: expected a name of a-z, 0-9 and dashes; rename the file")
            continue
        try:
            found.append(_read(path))
        except UserError as error:
            problems.append(str(error))
    likes = likes_playlist(workspace)
    found.sort(key=lambda one: (one.name.casefold(), one.saved_id))
    return [*([likes] if likes.track_ids else []), *found], problems


def likes_playlist(workspace: Workspace) -> SavedPlaylist:
    """Return the tracks with a thumb up as a playlist."""
    up = [one for one in read_thumbs(workspace) if one.thumb == "up"]
    times = (up[0].at, up[-1].at) if up else ("", "")
    return SavedPlaylist(LIKES, "My likes", tuple(one.track_id for one in up), *times)


def read_saved(workspace: Workspace, saved_id: str) -> SavedPlaylist | None:
    """Return a saved playlist, None if there is none with this id; UserError if its file is damaged."""
    if saved_id == LIKES:
        return likes_playlist(workspace)
    path = workspace.saved_dir / f"{saved_id}.json"
    return _read(path) if ID.fullmatch(saved_id) is not None and path.is_file() else None


def save_playlist(workspace: Workspace, name: str, track_ids: Sequence[str]) -> SavedPlaylist:
    """Save a new playlist; another one with the same name stays.

    UserError for an empty name, too many tracks, or too many playlists.
    """
    with one_writer(workspace.root):
        if sum(1 for _ in workspace.saved_dir.glob("*.json")) >= MAX_PLAYLISTS:
            raise UserError(f"there are {MAX_PLAYLISTS:,} saved playlists, and no more are kept; delete one")
        saved_id = _free_id(workspace, name)
        now = _now()
        return _write(workspace, SavedPlaylist(saved_id, name, tuple(track_ids), now, now))


def change_playlist(
    workspace: Workspace,
    saved_id: str,
    *,
    name: str | None = None,
    track_ids: Sequence[str] | Callable[[Sequence[str]], Sequence[str]] | None = None,
    comment: str | None = None,
) -> SavedPlaylist | None:
    """Replace what is given; return the changed playlist, None if there is none with this id.

    track_ids  all tracks, or a function that returns them given the present ones, which nothing changes meanwhile
    """
    _refuse_likes(saved_id)
    with one_writer(workspace.root):
        known = read_saved(workspace, saved_id)
        if known is None:
            return None
        changed = track_ids(known.track_ids) if callable(track_ids) else track_ids
        return _write(
            workspace,
            replace(
                known,
                name=known.name if name is None else name,
                track_ids=known.track_ids if changed is None else tuple(changed),
                comment=known.comment if comment is None else comment,
                changed=_now(),
            ),
        )


def delete_playlist(workspace: Workspace, saved_id: str) -> bool:
    """Delete a saved playlist; return whether there was one with this id."""
    _refuse_likes(saved_id)
    with one_writer(workspace.root):
        if ID.fullmatch(saved_id) is None or not (path := workspace.saved_dir / f"{saved_id}.json").is_file():
            return False
        path.unlink()
        return True


def kept_version(workspace: Workspace) -> tuple[Version, int]:
    """Return a value that changes with every change of a thumb or a saved playlist."""
    try:
        return thumbs_version(workspace), workspace.saved_dir.stat().st_mtime_ns
    except OSError:
        return thumbs_version(workspace), 0


def _refuse_likes(saved_id: str) -> None:
    if saved_id == LIKES:
        raise UserError("My likes consists of the tracks with a thumb up; change their thumbs instead")


def _write(workspace: Workspace, playlist: SavedPlaylist) -> SavedPlaylist:
    name = " ".join(playlist.name.split())
    if not name or len(name) > MAX_NAME_CHARS:
        raise UserError(f"name: expected 1 to {MAX_NAME_CHARS} characters, found {len(name):,}")
    if len(playlist.track_ids) > MAX_TRACKS:
        raise UserError(f"{name:.60}: expected at most {MAX_TRACKS:,} tracks, found {len(playlist.track_ids):,}")
    playlist = replace(playlist, name=name)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": playlist.name,
        "tracks": list(playlist.track_ids),
        "created": playlist.created,
        "changed": playlist.changed,
        **({"comment": playlist.comment} if playlist.comment else {}),
    }
    write_json(workspace.saved_dir / f"{playlist.saved_id}.json", content, indent=1)
    return playlist


def _read(path: Path) -> SavedPlaylist:
    try:
        values = read_json(path, format=FORMAT, version=VERSION)
        name, tracks = values["name"], values["tracks"]
        if not isinstance(name, str) or not all(isinstance(one, str) for one in tracks):
            raise TypeError("expected a name and a list of track ids")
        created, changed, comment = (str(values.get(name, "")) for name in ("created", "changed", "comment"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); correct or delete it") from error
    return SavedPlaylist(path.stem, name, tuple(tracks), created, changed, comment)


def _free_id(workspace: Workspace, name: str) -> str:
    """Return an id for a new playlist: its name in a-z, 0-9 and dashes, with a number if that is taken."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "-", plain)[:50].strip("-") or "playlist"
    number = 1
    while (found := stem if number == 1 else f"{stem}-{number}") == LIKES or (
        workspace.saved_dir / f"{found}.json"
    ).exists():
        number += 1
    return found


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
