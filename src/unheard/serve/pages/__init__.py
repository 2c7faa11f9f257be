"""The pages, rendered by the server. They work without JavaScript, except for playback and the interactive map."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve.pages import (
    browse,
    compare,
    drop,
    map_colours,
    map_region,
    media,
    playlist_maker,
    runs,
    scores,
    track,
)
from unheard.serve.pages import map as map_page

router = APIRouter()
for part in (browse, track, drop, playlist_maker, map_page, map_colours, map_region, compare, runs, scores, media):
    router.include_router(part.router)

__all__ = ["router"]
