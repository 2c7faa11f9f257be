"""Health checks: whether the server responds (live) and whether a model can recommend (ready)."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from unheard.serve.api.parameters import CurrentServer
from unheard.serve.schema import Error

router = APIRouter(prefix="/health", tags=["Health"])


class Live(BaseModel):
    """The server responds."""

    status: str = "live"


class Ready(BaseModel):
    """A model can recommend."""

    status: str = "ready"
    model: str
    split: str
    tracks: int
    playlists: int
    audio_worker_is_warm: bool


@router.get("/live", summary="Does the server respond?")
async def live() -> Live:
    """Needs no token."""
    return Live()


@router.get("/ready", summary="Can it recommend?", responses={409: {"model": Error}})
def ready(server: CurrentServer) -> Ready:
    """409 while the workspace lacks a stage; the message names the command to run."""
    snapshot = server.snapshot()
    return Ready(
        model=snapshot.default.model,
        split=snapshot.catalogue.split.name,
        tracks=len(snapshot.catalogue),
        playlists=len(snapshot.catalogue.playlists),
        audio_worker_is_warm=server.audio_worker.is_warm,
    )
