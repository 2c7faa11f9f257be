"""Endpoints for playlists.

A person's own playlists are the saved ones (saved_playlists.py), which the pages show too. Imported playlists, the
lists of `unheard go`, and My likes can be read but not changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unheard.bounded_text import whole_number
from unheard.plays import Playlist, read_playlists
from unheard.plays.list_marks import ABOUT
from unheard.saved_playlists import (
    PREFIX,
    SavedPlaylist,
    change_playlist,
    delete_playlist,
    read_saved,
    save_playlist,
    saved_playlists,
)
from unheard.serve import client_ids
from unheard.serve.subsonic.answer import Answer
from unheard.serve.subsonic.call import Call, not_found
from unheard.serve.subsonic.client_entries import Entry, songs, time_text
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.written_lists import PREFIX as WRITTEN
from unheard.serve.subsonic.written_lists import written_lists

COVER_AT = 0  # the track whose cover is the playlist's


def playlists(call: Call) -> Answer:
    """Saved playlists, the lists of `unheard go`, then imported playlists."""
    found, _ = saved_playlists(call.workspace)
    entries = [_saved_entry(call, one, _rows(call, one.track_ids)) for one in found]
    entries += [_imported_entry(call, one, rows) for one, rows in _read_only(call).items()]
    return {"playlists": {"playlist": entries}}


def playlist(call: Call) -> Answer:
    return _one(call, call.parameters.required("id"))


def _one(call: Call, given: str) -> Answer:
    imported_id = client_ids.imported_of(given)
    for one, its_rows in _read_only(call).items():
        if one.playlist_id == imported_id:
            return {"playlist": {**_imported_entry(call, one, its_rows), "entry": songs(call, its_rows)}}
    saved = _saved(call, given)
    rows = _rows(call, saved.track_ids)
    return {"playlist": {**_saved_entry(call, saved, rows), "entry": songs(call, rows)}}


def create(call: Call) -> Answer:
    """Save a new playlist, or replace the songs of one that is there."""
    track_ids = _track_ids(call, call.parameters.every("songId"))
    name, given = call.parameters.text("name"), call.parameters.text("playlistId")
    if given:
        saved = _own(call, given)
        change_playlist(call.workspace, saved.saved_id, name=name or None, track_ids=track_ids)
        return _one(call, given)
    saved = save_playlist(call.workspace, call.parameters.required("name"), track_ids)
    return _one(call, client_ids.SAVED + saved.saved_id)


def update(call: Call) -> Answer:
    """Rename a playlist, comment on it, take songs out by their number, add songs at the end."""
    saved = _own(call, call.parameters.required("playlistId"))
    removed = {_index(value) for value in call.parameters.every("songIndexToRemove")}
    added = _track_ids(call, call.parameters.every("songIdToAdd"))

    def changed(present: Sequence[str]) -> Sequence[str]:
        kept, number = [], 0
        for track_id in present:  # clients count the tracks that they see; others of the file stay
            is_seen = call.row_or_none(client_ids.of_track(track_id)) is not None
            if not (is_seen and number in removed):
                kept.append(track_id)
            number += is_seen
        return [*kept, *added]

    name = call.parameters.text("name") or None
    comment = call.parameters.text("comment") if "comment" in call.parameters else None
    track_ids = changed if removed or added else None
    change_playlist(call.workspace, saved.saved_id, name=name, track_ids=track_ids, comment=comment)
    return {}


def delete(call: Call) -> Answer:
    delete_playlist(call.workspace, _own(call, call.parameters.required("id")).saved_id)
    return {}


def cover_row(call: Call, given: str) -> int:
    """Return the row of the track whose cover a playlist has."""
    entries = _one(call, given)["playlist"]["entry"]
    if not entries:
        raise not_found("cover art", given)
    return call.row(entries[COVER_AT]["id"])


def _saved(call: Call, given: str) -> SavedPlaylist:
    found = (
        read_saved(call.workspace, given.removeprefix(client_ids.SAVED)) if given.startswith(client_ids.SAVED) else None
    )
    if found is None:
        raise not_found("playlist", given)
    return found


def _own(call: Call, given: str) -> SavedPlaylist:
    """Return a playlist that a client may change."""
    if given.startswith(client_ids.IMPORTED):
        raise SubsonicError(Code.NOT_ALLOWED, "an imported playlist, or a list of unheard, cannot be changed")
    found = _saved(call, given)
    if found.is_likes:
        raise SubsonicError(Code.NOT_ALLOWED, "My likes has the songs with a star; star a song instead")
    return found


def _read_only(call: Call) -> Mapping[Playlist, tuple[int, ...]]:
    return {**written_lists(call), **_imported(call)}


def _imported(call: Call) -> Mapping[Playlist, tuple[int, ...]]:
    """Return the imported playlists that have tracks with a file, with the rows of these."""

    def read() -> Mapping[Playlist, tuple[int, ...]]:
        known, music = call.snapshot.catalogue.playlists, call.music
        found = {
            one: music.playable(music.index.tracks_of(known.row(one.playlist_id)))
            for one in read_playlists(call.workspace)
            if one.playlist_id in known and not one.playlist_id.startswith(PREFIX)
        }
        return {one: rows for one, rows in found.items() if rows}

    return call.snapshot.table("playlists of players", read)


def _saved_entry(call: Call, one: SavedPlaylist, rows: Sequence[int]) -> Entry:
    about = {"id": client_ids.SAVED + one.saved_id, "name": one.name, "readonly": one.is_likes}
    about |= {"comment": one.comment} if one.comment else {}
    return {**about, **_common(call, rows, one.created, one.changed), "coverArt": about["id"] if rows else None}


def _imported_entry(call: Call, one: Playlist, rows: Sequence[int]) -> Entry:
    at = "" if one.imported_at is None else one.imported_at.isoformat()
    given = client_ids.of_imported(one.playlist_id)
    about = {"id": given, "name": one.name or one.playlist_id, "readonly": True}
    about |= {"comment": ABOUT} if one.playlist_id.startswith(WRITTEN) else {}
    return {**about, **_common(call, rows, at, at), "coverArt": given if rows else None}


def _common(call: Call, rows: Sequence[int], created: str, changed: str) -> Entry:
    durations = np.array([call.music.tracks[row].duration_s for row in rows])
    return {
        "owner": call.user,
        "public": False,
        "songCount": len(rows),
        "duration": round(float(durations.sum())),
        "created": created or time_text(0),
        "changed": changed or created or time_text(0),
    }


def _rows(call: Call, track_ids: Sequence[str]) -> list[int]:
    """Return the rows of the tracks that clients see."""
    found = (call.row_or_none(client_ids.of_track(track_id)) for track_id in track_ids)
    return [row for row in found if row is not None]


def _track_ids(call: Call, given: Sequence[str]) -> list[str]:
    return [call.music.tracks.ids[call.row(one)] for one in given]


def _index(value: str) -> int:
    if (index := whole_number(value)) is None:
        raise SubsonicError(Code.GENERIC, f"songIndexToRemove: expected a number, found {value[:40]!r}")
    return index
