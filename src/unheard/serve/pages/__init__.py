"""The pages, rendered by the server. They work without JavaScript, except for playback and the interactive map."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve.pages import (
    album_pages,
    browse,
    compare,
    covers,
    drop,
    map_colours,
    map_region,
    media,
    path,
    playlist_maker,
    rated,
    runs,
    saved,
    scores,
    start,
    station,
    track,
)
from unheard.serve.pages import map as map_page

router = APIRouter()
for part in (browse, start, album_pages, covers, track, drop, playlist_maker, map_page, map_colours, map_region):
    router.include_router(part.router)
for part in (saved, station, path, rated, compare, runs, scores, media):
    router.include_router(part.router)

__all__ = ["router"]
