"""The HTTP API: one module for each subject, all below /api. Their results come from queries.py."""

from typing import Any

from fastapi import FastAPI

from unheard.serve.api import (
    audiomuse,
    health,
    jobs,
    path,
    playlists,
    radio,
    recommend,
    saved_playlists,
    thumbs,
    tracks,
)
from unheard.serve.schema import Error

ERRORS = {
    400: "Invalid request, or unknown Host header.",
    401: "Missing or wrong token.",
    403: "Cross-site request, or path outside the allowed folders.",
    404: "Unknown track, playlist, model or job.",
    409: "The workspace lacks a stage; the message names the command to run.",
    413: "The request is too large.",
    422: "Missing or invalid values, or an unusable audio file.",
    429: "Too many attempts from this address; the header Retry-After says when to try again.",
    500: "Internal error of the server.",
    503: "The server is busy; try again in a moment.",
}

PARTS = (recommend, radio, path, tracks, playlists, saved_playlists, thumbs, audiomuse, jobs, health)


def add_routes(app: FastAPI) -> None:
    """Add the API to an application, router by router: FastAPI builds the routes of nested routers three times."""
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": Error, "description": text} for code, text in ERRORS.items()
    }
    for part in PARTS:
        app.include_router(part.router, prefix="/api", responses=responses)


__all__ = ["add_routes"]
