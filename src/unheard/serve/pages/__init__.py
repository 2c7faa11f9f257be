"""The pages: written by the server, complete without JavaScript where that is possible, quicker with it."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve.pages import browse, compare, drop, make, media, runs, scores, sky, track

router = APIRouter()
for part in (browse, track, drop, make, sky, compare, runs, scores, media):
    router.include_router(part.router)

__all__ = ["router"]
