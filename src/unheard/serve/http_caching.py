"""HTTP caching (RFC 9111): what a browser may keep, and which answers the server keeps.

A response says for itself what a browser may do with it; one that says nothing is `REVALIDATED` (see security.py).
A route declares with `REUSABLE` that its answer depends on nothing but its address and the loaded workspace.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

IMMUTABLE = "public, max-age=31536000, immutable"  # its address changes with its content
REVALIDATED = "private, no-cache"  # kept, but the server is asked each time whether it is still right
PICTURE = "private, max-age=3600"  # of a track: many on a page, and changed only by a new scan of its file
CLIP = "private, max-age=86400"  # of a listening test: never changed
UNCACHED = "no-store"  # with a secret in it: the login, the pages of raters

_STATE = "answer_is_reusable"
_FILES = StaticFiles(check_dir=False)  # for its conditional requests


async def _mark_reusable(request: Request) -> None:
    setattr(request.state, _STATE, True)


REUSABLE = Depends(_mark_reusable)


def is_reusable(scope: Scope) -> bool:
    """Return whether the route that answered has declared `REUSABLE`."""
    return bool(scope.get("state", {}).get(_STATE, False))


def file_response(request: Request, path: Path, media_type: str) -> Response:
    """Return a file with ETag and Last-Modified, 304 for a browser that has it, or the asked range of it."""
    try:
        status = path.stat()
    except OSError:
        raise HTTPException(404, f"{path.name} is gone") from None
    response = _FILES.file_response(path, status, request.scope)
    if isinstance(response, FileResponse):
        response.headers["content-type"] = media_type
    response.headers["cache-control"] = REVALIDATED
    return response
