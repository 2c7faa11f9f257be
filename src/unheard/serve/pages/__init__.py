"""The pages, rendered by the server. They work without JavaScript, except for playback and the interactive map."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve.pages import (
    album_pages,
    browse,
    compare,
    covers,
    drop,
    media,
    playlist_maker,
    runs,
    scores,
    start,
    track,
)
from unheard.serve.pages import map as map_page

router = APIRouter()
for part in (browse, start, album_pages, covers, track, drop, playlist_maker, map_page, compare, runs, scores, media):
    router.include_router(part.router)

__all__ = ["router"]
