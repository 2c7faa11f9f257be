"""Whether the server is up (live) and has something to recommend (ready)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from unheard.serve.schema import Error
from unheard.serve.state import Served, served

router = APIRouter(prefix="/health", tags=["Health"])


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class Ready(BaseModel):
    """There is something to recommend."""

    status: str = "ready"
    model: str
    split: str
    tracks: int
    playlists: int
    hearing_is_warm: bool


@router.get("/live", summary="Is the server up?")
async def live() -> Live:
    """Answers without a token."""
    return Live()


@router.get("/ready", summary="Has it something to recommend?", responses={409: {"model": Error}})
def ready(served: Annotated[Served, Depends(served)]) -> Ready:
    """409 while the workspace lacks a stage; the message names the command to run."""
    loaded = served.loaded()
    return Ready(
        model=loaded.default.model,
        split=loaded.catalogue.split.name,
        tracks=len(loaded.catalogue),
        playlists=len(loaded.catalogue.playlists),
        hearing_is_warm=served.ears.is_warm,
    )
