"""A path between two tracks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from unheard.serve import own_lists
from unheard.serve.api.json_route import JsonRoute
from unheard.serve.api.parameters import CurrentSnapshot
from unheard.serve.http_caching import REUSABLE
from unheard.serve.own_lists_schema import PathOut, PathParameters

router = APIRouter(tags=["Recommend"], route_class=JsonRoute)


@router.get("/path", summary="Path between two tracks", dependencies=[REUSABLE])
def path(snapshot: CurrentSnapshot, wanted: Annotated[PathParameters, Query()]) -> PathOut:
    """A sequence from one track to another whose steps are short. No artist follows itself if there are others."""
    return own_lists.path(
        snapshot, wanted.start, wanted.end, n=wanted.n, candidates=wanted.candidates, model=wanted.model
    )
