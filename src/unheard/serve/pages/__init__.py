"""The pages, rendered by the server. They work without JavaScript, except for playback and the interactive map."""

from __future__ import annotations

from fastapi import APIRouter

from unheard.serve.pages import (
    browse,
    compare,
    drop,
    media,
    path,
    playlist_maker,
    rated,
    runs,
    saved,
    scores,
    station,
    track,
)
from unheard.serve.pages import map as map_page

router = APIRouter()
for part in (browse, track, drop, playlist_maker, map_page, saved, station, path, rated, compare, runs, scores, media):
    router.include_router(part.router)

__all__ = ["router"]
