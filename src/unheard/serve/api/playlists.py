"""Playlists of the library, imported lists, and export of lists as files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from unheard.recommend.export import Format, ListEntry
from unheard.serve import queries, track_lists
from unheard.serve.api.parameters import CurrentSnapshot, Limit, Offset, PlaylistId, SearchText
from unheard.serve.errors import api_error
from unheard.serve.http_caching import REUSABLE
from unheard.serve.schema import Ids, Matched, PlaylistDetail, PlaylistPage, Text
from unheard.serve.snapshot import Snapshot
from unheard.serve.uploads import on_disk

router = APIRouter(tags=["Playlists"])


class Pasted(BaseModel):
    """A pasted list."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=track_lists.MAX_TEXT_CHARS)] = Field(
        description="One track on each line, by id, path or `artist - title`; or the text of an M3U file."
    )


class Export(BaseModel):
    """A list to export as a file."""

    model_config = ConfigDict(extra="forbid")

    ids: Ids = Field(description="Ids of tracks, in order.")
    format: Format = "m3u8"
    title: Text = Field(default="unheard", description="Name of the list and its file.")


BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Pasted.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "An M3U or M3U8 file."}
                    },
                    "required": ["file"],
                }
            },
        },
    }
}


@router.get("/playlists", summary="Search playlists", dependencies=[REUSABLE])
def playlists(snapshot: CurrentSnapshot, text: SearchText = "", offset: Offset = 0, limit: Limit = 50) -> PlaylistPage:
    """Imported playlists whose id matches every word, the best first; without text all, by id."""
    return queries.playlists(snapshot, text, offset=offset, limit=limit)


@router.get("/playlists/{playlist_id:path}", summary="One playlist", dependencies=[REUSABLE])
def playlist(snapshot: CurrentSnapshot, playlist_id: PlaylistId) -> PlaylistDetail:
    """A playlist and its tracks in order."""
    return queries.playlist(snapshot, playlist_id)


@router.post("/playlists/parse", summary="Match a list with the library", openapi_extra=BODIES)
async def parse(request: Request, snapshot: CurrentSnapshot) -> Matched:
    """The tracks of the list that are in the library, and the entries that are not."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            pasted = Pasted.model_validate_json(await request.body())
        except ValidationError as error:
            raise RequestValidationError(error.errors(include_input=False, include_context=False)) from None
        return await run_in_threadpool(track_lists.match_text, snapshot, pasted.text)
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=1) as form:
            file = form.get("file")
            if isinstance(file, UploadFile):
                return await run_in_threadpool(_match_upload, snapshot, file)
        raise api_error(422, "invalid_request", "body.file: expected an M3U file")
    raise api_error(422, "invalid_request", "send application/json or multipart/form-data")


@router.post(
    "/playlist-export",
    summary="Export a list as a file",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in track_lists.MEDIA_TYPES.values()}, "description": "The file."}},
)
def export(snapshot: CurrentSnapshot, wanted: Export) -> Response:
    """M3U8 and JSPF for players, CSV and JSON for programs."""
    tracks = snapshot.catalogue.tracks
    entries = [ListEntry(tracks[queries.row_of(snapshot, track_id)]) for track_id in wanted.ids]
    return track_lists.exported(entries, wanted.format, title=wanted.title.strip() or "unheard")


def _match_upload(snapshot: Snapshot, file: UploadFile) -> Matched:
    with on_disk(file) as path:
        return track_lists.match_file(snapshot, path)
