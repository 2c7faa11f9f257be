"""The page of a radio: where it starts, and its first tracks. The player requests the next ones from the API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from unheard.saved_playlists import PREFIX
from unheard.serve import own_lists, queries
from unheard.serve.own_lists_schema import RadioRequest
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.views import TrackView, results
from unheard.serve.schema import MAX_SEEDS, Which
from unheard.serve.snapshot import Snapshot

router = APIRouter()

N_FIRST = 20


@router.get("/radio")
def station(
    request: Request,
    snapshot: CurrentSnapshot,
    seed: Annotated[list[str] | None, Query(max_length=MAX_SEEDS)] = None,
    playlist: Annotated[str, Query(max_length=1000)] = "",
    which: Which = "all",
) -> Response:
    """Show the first tracks of a radio from tracks, or from a playlist."""
    seeds = list(dict.fromkeys(seed or ()))
    wanted = RadioRequest(seeds=tuple(seeds), playlist=playlist, candidates=which, n=N_FIRST)
    return page(
        request,
        "radio.html",
        seeds=[TrackView(queries.track_out(snapshot, queries.row_of(snapshot, name))) for name in seeds],
        playlist=playlist,
        playlist_name=playlist_name(snapshot, playlist),
        which=which,
        found=results(own_lists.radio(snapshot, wanted)),
    )


def playlist_name(snapshot: Snapshot, playlist_id: str) -> str:
    """Return the name of a saved playlist, or the id of an imported one."""
    if playlist_id.startswith(PREFIX):
        return own_lists.saved_playlist(snapshot, playlist_id.removeprefix(PREFIX)).name
    return playlist_id
