"""Thumbs up and down for tracks."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve import own_lists, queries
from unheard.serve.api.parameters import CurrentSnapshot, TrackId
from unheard.serve.own_lists_schema import ThumbChange, Thumbs
from unheard.thumbs import set_thumb

router = APIRouter(prefix="/thumbs", tags=["Thumbs"])


@router.get("", summary="All thumbs")
def every(snapshot: CurrentSnapshot) -> Thumbs:
    """Tracks with a thumb up or down, the latest first."""
    return own_lists.thumbs(snapshot)


@router.put("/{track_id:path}", status_code=204, summary="Give a thumb")
def give(snapshot: CurrentSnapshot, track_id: TrackId, wanted: ThumbChange) -> None:
    """Up: the track becomes one of My likes. Down: it is never recommended again. A new thumb replaces the old one."""
    queries.row_of(snapshot, track_id)
    set_thumb(snapshot.default.workspace, track_id, wanted.thumb)


@router.delete("/{track_id:path}", status_code=204, summary="Take a thumb back")
def take_back(snapshot: CurrentSnapshot, track_id: TrackId) -> None:
    """Has no effect on a track without a thumb."""
    queries.row_of(snapshot, track_id)
    set_thumb(snapshot.default.workspace, track_id, None)
