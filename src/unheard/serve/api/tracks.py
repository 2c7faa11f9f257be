"""Tracks, artists and models: browsing, neighbours, audio files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from unheard.serve import queries
from unheard.serve.api.json_route import JsonRoute
from unheard.serve.api.parameters import CurrentSnapshot, Kinds, Limit, Offset, SearchText, TrackId
from unheard.serve.http_caching import REUSABLE, file_response
from unheard.serve.media_types import UNKNOWN_MEDIA, media_type_of
from unheard.serve.schema import ArtistPage, ModelOut, NeighbourParameters, Ranked, TrackDetail, TrackPage

router = APIRouter(route_class=JsonRoute)


@router.get("/tracks", tags=["Browse"], summary="Search tracks", dependencies=[REUSABLE])
def search(
    snapshot: CurrentSnapshot,
    text: SearchText = "",
    which: Kinds = "all",
    artist: Annotated[str, Query(max_length=1000, description="Only tracks that credit this artist.")] = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> TrackPage:
    """Tracks whose artist, title, album, genre and year match every word, the best first, then by artist and title.

    Accents, punctuation and alphabet do not matter, words may be incomplete, and typing errors are forgiven.
    """
    return queries.search(snapshot, text, which=which, artist=artist, offset=offset, limit=limit)


@router.get(
    "/tracks/{track_id:path}/similar", tags=["Recommend"], summary="Neighbours of a track", dependencies=[REUSABLE]
)
def similar(snapshot: CurrentSnapshot, track_id: TrackId, options: Annotated[NeighbourParameters, Query()]) -> Ranked:
    """The nearest candidates, explained by warm tracks near both. Scores are centred cosines, -1 to 1."""
    return queries.similar(snapshot, track_id, options)


@router.get(
    "/tracks/{track_id:path}/audio",
    tags=["Browse"],
    summary="Audio file of a track",
    response_class=FileResponse,
    responses={
        200: {"content": {"audio/*": {}, UNKNOWN_MEDIA: {}}},
        206: {"description": "The requested range."},
        304: {"description": "The client has the current file."},
        416: {"description": "The range is outside the file."},
    },
)
def audio(request: Request, snapshot: CurrentSnapshot, track_id: TrackId) -> Response:
    """The file as it is on disk. Supports `Range`, `If-None-Match` and `If-Modified-Since`."""
    path = queries.file_of(snapshot, track_id)
    return file_response(request, path, media_type_of(path))


@router.get("/tracks/{track_id:path}", tags=["Browse"], summary="One track", dependencies=[REUSABLE])
def track(snapshot: CurrentSnapshot, track_id: TrackId) -> TrackDetail:
    """All metadata of a track."""
    return queries.track(snapshot, track_id)


@router.get("/artists", tags=["Browse"], summary="Search artists", dependencies=[REUSABLE])
def artists(snapshot: CurrentSnapshot, text: SearchText = "", offset: Offset = 0, limit: Limit = 50) -> ArtistPage:
    """Artists whose name matches every word, the best first; without text all, by name. With numbers of tracks."""
    return queries.artists(snapshot, text, offset=offset, limit=limit)


@router.get("/models", tags=["Browse"], summary="Available models")
def models(snapshot: CurrentSnapshot) -> list[ModelOut]:
    """Trained models, the oracle (factors of all plays) and baselines."""
    return queries.models(snapshot)
