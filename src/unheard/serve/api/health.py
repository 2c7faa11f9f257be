"""Whether the server is up (live) and has something to recommend (ready)."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from unheard.serve.api.parameters import CurrentServer
from unheard.serve.schema import Error

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
def ready(server: CurrentServer) -> Ready:
    """409 while the workspace lacks a stage; the message names the command to run."""
    snapshot = server.snapshot()
    return Ready(
        model=snapshot.default.model,
        split=snapshot.catalogue.split.name,
        tracks=len(snapshot.catalogue),
        playlists=len(snapshot.catalogue.playlists),
        hearing_is_warm=server.audio_worker.is_warm,
    )
