"""Recommendations for a playlist, for liked tracks and for an uploaded file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from unheard.saved_playlists import PREFIX
from unheard.serve import own_lists, queries
from unheard.serve.api.json_route import JsonRoute
from unheard.serve.api.parameters import CurrentServer, CurrentSnapshot, PlaylistId
from unheard.serve.errors import api_error
from unheard.serve.http_caching import REUSABLE
from unheard.serve.schema import Likes, ListParameters, Ranked, RankedForFile
from unheard.serve.state import ServerState
from unheard.serve.uploads import on_disk

router = APIRouter(tags=["Recommend"], route_class=JsonRoute)

BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Likes.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "An audio file of any format."}
                    },
                    "required": ["file"],
                    "additionalProperties": False,
                }
            },
        },
    }
}


@router.get("/recommend/{playlist_id:path}", summary="For a playlist", dependencies=[REUSABLE])
def for_playlist(
    snapshot: CurrentSnapshot, playlist_id: PlaylistId, options: Annotated[ListParameters, Query()]
) -> Ranked:
    """Tracks that suit a playlist, without its own tracks and other recordings of them.

    The id `saved:<saved_id>` is that of a saved playlist; its tracks are combined like liked tracks.
    """
    if playlist_id.startswith(PREFIX):
        return own_lists.for_saved(snapshot, playlist_id.removeprefix(PREFIX), options)
    return queries.for_playlist(snapshot, playlist_id, options)


@router.post("/recommend", summary="For liked tracks, or for an audio file", openapi_extra=BODIES)
async def recommend(
    request: Request,
    snapshot: CurrentSnapshot,
    server: CurrentServer,
    options: Annotated[ListParameters, Query()],
) -> RankedForFile | Ranked:
    """Give options of liked tracks in the body, beside `likes`, and options of an uploaded file in the query string.

    Options elsewhere are refused. The ranks for each liked track are combined. The file is analysed in a separate
    process and not stored.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        if request.query_params:
            raise _misplaced("query", request.query_params, "give options of liked tracks in the body, beside likes")
        try:
            likes = Likes.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_input=False, include_context=False)) from None
        return await run_in_threadpool(queries.for_likes, snapshot, likes)
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=len(ListParameters.model_fields)) as form:
            texts = [name for name, value in form.multi_items() if isinstance(value, str) and name != "file"]
            if texts:
                raise _misplaced("body", texts, "give options of a file in the query string, such as ?n=5")
            file = form.get("file")
            if isinstance(file, UploadFile):
                return await server.run_upload(lambda: _for_file(server, file, options))
        raise api_error(422, "invalid_request", "body.file: expected an audio file")
    raise api_error(422, "invalid_request", "send application/json or multipart/form-data")


def _misplaced(where: str, names: Iterable[str], advice: str) -> HTTPException:
    """Return the error for options that are not read where they stand."""
    return api_error(422, "invalid_request", f"{where}.{next(iter(names)):.60}: not read here; {advice}")


def _for_file(server: ServerState, file: UploadFile, options: ListParameters) -> RankedForFile:
    snapshot = server.snapshot()
    model = queries.session_for(snapshot, options).model
    with on_disk(file) as path:
        new_track = server.audio_worker.encode_file(path, model)
    return queries.for_file(snapshot, new_track, options)
