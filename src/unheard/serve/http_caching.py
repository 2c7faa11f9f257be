"""HTTP caching (RFC 9111): Cache-Control headers, conditional requests, and which responses the server stores.

A response without a Cache-Control header gets `REVALIDATED` (security.py). A route that declares `REUSABLE` depends on
nothing but its address, the snapshot, thumbs and saved playlists; response_cache.py stores its responses.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from unheard.serve.sent_file import SentFile

IMMUTABLE = "public, max-age=31536000, immutable"  # for addresses that change with their content
REVALIDATED = "private, no-cache"  # the browser may store it, but asks the server each time
PICTURE = "private, max-age=3600"  # of a track: many on a page, and only a new scan of the file changes it
CLIP = "private, max-age=86400"  # of a listening test, which never changes it
UNCACHED = "no-store"  # pages with a secret: the login and the pages of raters

_STATE = "response_is_reusable"
_FILES = StaticFiles(check_dir=False)  # for its handling of conditional requests


async def _mark_reusable(request: Request) -> None:
    setattr(request.state, _STATE, True)


REUSABLE = Depends(_mark_reusable)


def is_reusable(scope: Scope) -> bool:
    """Return whether the route that handled a request declares `REUSABLE`."""
    return bool(scope.get("state", {}).get(_STATE, False))


def file_response(request: Request, path: Path, media_type: str) -> Response:
    """Return a file with ETag and Last-Modified, the requested range of it, or 304 if the client has it."""
    try:
        status = path.stat()
    except OSError:
        raise HTTPException(404, f"{path.name} does not exist any more") from None
    response = SentFile(path, stat_result=status, media_type=media_type, headers={"cache-control": REVALIDATED})
    if _FILES.is_not_modified(response.headers, request.headers):
        return NotModifiedResponse(response.headers)
    return response
