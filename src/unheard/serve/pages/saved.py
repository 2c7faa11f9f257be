"""The pages of saved playlists: all of them, and one with its tracks, changes, exports and recommendations."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from unheard import saved_playlists as storage
from unheard.errors import UserError
from unheard.serve import own_lists, queries
from unheard.serve.api.saved_playlists import SavedId, changed
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.text import address
from unheard.serve.pages.views import ResultView, results, show
from unheard.serve.schema import MAX_RESULTS, ListParameters
from unheard.serve.snapshot import Snapshot

router = APIRouter()

N_NEXT = 10
MOVE = re.compile(r"(up|down|remove)-(\d{1,5})")


@router.get("/saved")
def every(request: Request, snapshot: CurrentSnapshot) -> Response:
    """List all saved playlists."""
    found = own_lists.all_saved(snapshot)
    return page(request, "saved.html", playlists=found.items, problems=found.problems)


@router.post("/saved")
def save(
    snapshot: CurrentSnapshot,
    track: Annotated[list[str], Form(max_length=MAX_RESULTS)],
    name: Annotated[str, Form()] = "",
) -> Response:
    """Save a list under a name, and show it."""
    for track_id in track:
        queries.row_of(snapshot, track_id)
    saved = storage.save_playlist(snapshot.default.workspace, name, track)
    return RedirectResponse(address(f"/saved/{saved.saved_id}"), 303)


@router.get("/saved/{saved_id}")
def one(request: Request, snapshot: CurrentSnapshot, saved_id: SavedId) -> Response:
    """Show a saved playlist, and tracks that continue it."""
    found = own_lists.saved_detail(snapshot, own_lists.saved_playlist(snapshot, saved_id))
    return page(
        request,
        "saved_playlist.html",
        here="/saved",
        playlist=found,
        tracks=show(found.items),
        found=continued(snapshot, saved_id) if found.items else [],
    )


@router.post("/saved/{saved_id}")
def change(
    snapshot: CurrentSnapshot,
    saved_id: SavedId,
    action: Annotated[str, Form()],
    name: Annotated[str, Form()] = "",
    track: Annotated[str, Form()] = "",
) -> Response:
    """Rename or delete a playlist, add a track, or move or remove one (`up-3`: the track at index 3 of the page)."""
    if action == "delete":
        storage.delete_playlist(snapshot.default.workspace, saved_id)
        return RedirectResponse("/saved", 303)
    ids = list(own_lists.saved_playlist(snapshot, saved_id).track_ids)
    if action == "rename":
        changed(snapshot, saved_id, name=name)
    elif action == "add":
        queries.row_of(snapshot, track)
        changed(snapshot, saved_id, ids=(*ids, track))
    else:
        changed(snapshot, saved_id, ids=moved(snapshot, ids, action))
    return RedirectResponse(address(f"/saved/{saved_id}"), 303)


def moved(snapshot: Snapshot, ids: list[str], action: str) -> tuple[str, ...]:
    """Return the ids after a move. The page numbers only the tracks that are in the library; the others stay."""
    match = MOVE.fullmatch(action)
    shown = [index for index, name in enumerate(ids) if name in snapshot.catalogue.tracks.ids]
    if match is None or int(match[2]) >= len(shown):
        raise UserError(f"action {action!r:.40}: expected rename, delete, add, or up, down or remove with an index")
    at = int(match[2])
    if match[1] == "remove":
        del ids[shown[at]]
    else:
        other = at + (-1 if match[1] == "up" else 1)
        if 0 <= other < len(shown):
            ids[shown[at]], ids[shown[other]] = ids[shown[other]], ids[shown[at]]
    return tuple(ids)


def continued(snapshot: Snapshot, saved_id: str) -> list[ResultView]:
    """Return new tracks for a saved playlist; known ones if there are no new ones."""
    for which in ("cold", "all"):
        found = own_lists.for_saved(snapshot, saved_id, ListParameters(n=N_NEXT, candidates=which))
        if found.items:
            return results(found)
    return []
