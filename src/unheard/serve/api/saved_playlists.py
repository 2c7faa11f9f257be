"""Saved playlists: list, save, change, delete and export them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from unheard import saved_playlists as storage
from unheard.recommend.export import Format, ListEntry
from unheard.serve import own_lists, queries, track_lists
from unheard.serve.api.parameters import CurrentSnapshot
from unheard.serve.own_lists_schema import NewPlaylist, PlaylistChange, SavedPlaylistDetail, SavedPlaylistList
from unheard.serve.snapshot import Snapshot

router = APIRouter(prefix="/saved-playlists", tags=["Saved playlists"])
SavedId = Annotated[str, Path(min_length=1, max_length=60)]


@router.get("", summary="All saved playlists")
def every(snapshot: CurrentSnapshot) -> SavedPlaylistList:
    """My likes if it has tracks, then the others by name."""
    return own_lists.all_saved(snapshot)


@router.post("", status_code=201, summary="Save a playlist")
def save(snapshot: CurrentSnapshot, wanted: NewPlaylist) -> SavedPlaylistDetail:
    """Names need not be unique; the `saved_id` in the response is."""
    for track_id in wanted.ids:
        queries.row_of(snapshot, track_id)
    saved = storage.save_playlist(snapshot.default.workspace, wanted.name, wanted.ids)
    return own_lists.saved_detail(snapshot, saved)


@router.get("/{saved_id}", summary="One saved playlist")
def one(snapshot: CurrentSnapshot, saved_id: SavedId) -> SavedPlaylistDetail:
    """Its tracks in order, without those that are not in the library."""
    return own_lists.saved_detail(snapshot, own_lists.saved_playlist(snapshot, saved_id))


@router.put("/{saved_id}", summary="Change a saved playlist")
def change(snapshot: CurrentSnapshot, saved_id: SavedId, wanted: PlaylistChange) -> SavedPlaylistDetail:
    """Rename it, or replace its tracks: in another order, with fewer or with more of them."""
    known = set(own_lists.saved_playlist(snapshot, saved_id).track_ids)
    for track_id in wanted.ids or ():
        if track_id not in known:  # one that has left the library may stay
            queries.row_of(snapshot, track_id)
    return own_lists.saved_detail(snapshot, changed(snapshot, saved_id, name=wanted.name, ids=wanted.ids))


@router.delete("/{saved_id}", status_code=204, summary="Delete a saved playlist")
def delete(snapshot: CurrentSnapshot, saved_id: SavedId) -> None:
    """Its tracks stay in the library."""
    if not storage.delete_playlist(snapshot.default.workspace, saved_id):
        own_lists.saved_playlist(snapshot, saved_id)


@router.get(
    "/{saved_id}/export",
    summary="Export a saved playlist",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in track_lists.MEDIA_TYPES.values()}, "description": "The file."}},
)
def export(snapshot: CurrentSnapshot, saved_id: SavedId, format: Format = "m3u8") -> Response:  # noqa: A002
    """M3U8 and JSPF for players, CSV and JSON for programs."""
    found, tracks = own_lists.saved_playlist(snapshot, saved_id), snapshot.catalogue.tracks
    entries = [ListEntry(tracks[tracks.ids.row(name)]) for name in own_lists.known_ids(snapshot, found.track_ids)]
    return track_lists.exported(entries, format, title=found.name)


def changed(
    snapshot: Snapshot, saved_id: str, *, name: str | None = None, ids: tuple[str, ...] | None = None
) -> storage.SavedPlaylist:
    """Change a saved playlist; NotFoundError if it was deleted in the meantime."""
    found = storage.change_playlist(snapshot.default.workspace, saved_id, name=name, track_ids=ids)
    return own_lists.saved_playlist(snapshot, saved_id) if found is None else found
