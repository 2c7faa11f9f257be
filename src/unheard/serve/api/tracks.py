"""Tracks, artists and models: browsing, neighbours, sound."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from unheard.serve import queries
from unheard.serve.api.json_route import JsonRoute
from unheard.serve.api.parameters import CurrentSnapshot, Kinds, Limit, Offset, TrackId, Wanted
from unheard.serve.http_caching import REUSABLE, file_response
from unheard.serve.schema import ArtistPage, ModelOut, NeighbourOptions, Ranked, TrackDetail, TrackPage

router = APIRouter(route_class=JsonRoute)

MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
    ".wma": "audio/x-ms-wma",
}
UNKNOWN_MEDIA = "application/octet-stream"


@router.get("/tracks", tags=["Browse"], summary="Search tracks", dependencies=[REUSABLE])
def search(
    snapshot: CurrentSnapshot,
    text: Wanted = "",
    which: Kinds = "all",
    artist: Annotated[str, Query(max_length=1000, description="Only tracks that credit this artist.")] = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> TrackPage:
    """Tracks whose artist, title or album hold every word: the nearest names first, then by artist and title."""
    return queries.search(snapshot, text, which=which, artist=artist, offset=offset, limit=limit)


@router.get(
    "/tracks/{track_id:path}/similar", tags=["Recommend"], summary="Neighbours of a track", dependencies=[REUSABLE]
)
def similar(snapshot: CurrentSnapshot, track_id: TrackId, options: Annotated[NeighbourOptions, Query()]) -> Ranked:
    """The nearest candidates, with warm tracks near both as reasons. Scores are centred cosines, -1 to 1."""
    return queries.similar(snapshot, track_id, options)


@router.get(
    "/tracks/{track_id:path}/audio",
    tags=["Browse"],
    summary="Listen to a track",
    response_class=FileResponse,
    responses={
        200: {"content": {"audio/*": {}, UNKNOWN_MEDIA: {}}},
        206: {"description": "A part of the file."},
        304: {"description": "The file is as it was when the client got it."},
        416: {"description": "There is no such part."},
    },
)
def audio(request: Request, snapshot: CurrentSnapshot, track_id: TrackId) -> Response:
    """The file as it is on disk; `Range`, `If-None-Match` and `If-Modified-Since` are understood."""
    path = queries.file_of(snapshot, track_id)
    return file_response(request, path, MEDIA_TYPES.get(path.suffix.lower(), UNKNOWN_MEDIA))


@router.get("/tracks/{track_id:path}", tags=["Browse"], summary="One track", dependencies=[REUSABLE])
def track(snapshot: CurrentSnapshot, track_id: TrackId) -> TrackDetail:
    """Everything that is known about a track."""
    return queries.track(snapshot, track_id)


@router.get("/artists", tags=["Browse"], summary="Search artists", dependencies=[REUSABLE])
def artists(snapshot: CurrentSnapshot, text: Wanted = "", offset: Offset = 0, limit: Limit = 50) -> ArtistPage:
    """Artists by name, with how many cold and warm tracks they have."""
    return queries.artists(snapshot, text, offset=offset, limit=limit)


@router.get("/models", tags=["Browse"], summary="Models that may be named")
def models(snapshot: CurrentSnapshot) -> list[ModelOut]:
    """Trained models, the oracle (the ceiling) and baselines."""
    return queries.models(snapshot)
