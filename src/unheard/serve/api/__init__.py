"""The HTTP API: one module a subject, all under /api. What they answer is in queries.py."""

from fastapi import APIRouter

from unheard.serve.api import health, jobs, playlists, recommend, tracks
from unheard.serve.schema import Error

SAID = {
    400: "The wish cannot be fulfilled, or the server is asked by a wrong name.",
    401: "A token is needed.",
    403: "Not from here.",
    404: "There is no such thing.",
    409: "The workspace is not ready.",
    413: "Too large.",
    422: "Values are missing or wrong.",
    500: "Something went wrong in the server.",
    503: "Busy; try again in a moment.",
}

router = APIRouter(
    prefix="/api", responses={code: {"model": Error, "description": text} for code, text in SAID.items()}
)
for part in (recommend, tracks, playlists, jobs, health):
    router.include_router(part.router)

__all__ = ["router"]
