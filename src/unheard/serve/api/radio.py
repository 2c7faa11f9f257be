"""The next tracks of a radio."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve import own_lists
from unheard.serve.api.json_route import JsonRoute
from unheard.serve.api.parameters import CurrentSnapshot
from unheard.serve.own_lists_schema import RadioRequest
from unheard.serve.schema import Ranked

router = APIRouter(tags=["Recommend"], route_class=JsonRoute)


@router.post("/radio", summary="Next tracks of a radio")
def radio(snapshot: CurrentSnapshot, wanted: RadioRequest) -> Ranked:
    """Tracks near the seeds without those that were played; no artist follows itself if there are others.

    When all candidates have been played, the older half of them may return.
    """
    return own_lists.radio(snapshot, wanted)
