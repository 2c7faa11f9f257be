"""The pages, rendered by the server. They work without JavaScript, except for playback and the interactive map."""

from __future__ import annotations

from fastapi import FastAPI

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

PARTS = (
    *(browse, start, album_pages, covers, track, drop, playlist_maker, map_page, map_colours, map_region, saved),
    *(station, path, rated, compare, runs, scores, media),
)


def add_routes(app: FastAPI) -> None:
    """Add all pages to an application, router by router as the API is."""
    for part in PARTS:
        app.include_router(part.router, include_in_schema=False)


__all__ = ["add_routes"]
