"""Upload an audio file and show its neighbours in the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Request, Response, UploadFile

from unheard.errors import UserError
from unheard.serve import queries
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.text import clock
from unheard.serve.pages.track import nearest_lists
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import server_state
from unheard.serve.uploads import on_disk

router = APIRouter()


@router.get("/drop")
def drop(request: Request, snapshot: CurrentSnapshot) -> Response:
    """Show the upload form."""
    return page(request, "drop.html", found=None, model=snapshot.default.model, megabytes=_megabytes(request))


@router.post("/drop")
async def upload(
    request: Request, snapshot: CurrentSnapshot, file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Show the neighbours of an uploaded file, which is not stored."""
    if file is None or not file.filename:
        raise UserError("no file was uploaded; choose an audio file")
    return await server_state(request).run_upload(lambda: _show_neighbours(request, snapshot, file))


def _show_neighbours(request: Request, snapshot: Snapshot, file: UploadFile) -> Response:
    with on_disk(file) as path:
        new_track = server_state(request).audio_worker.encode_file(path, snapshot.default.model)
    found = {
        "title": new_track.track.title or Path(file.filename or "").stem or "Your file",
        "artist": new_track.track.artist,
        "length": clock(new_track.track.duration_s),
        "confidence": queries.uploaded_file(snapshot, new_track).confidence,
        "lists": nearest_lists(snapshot, lambda options: queries.similar_to_file(snapshot, new_track, options)),
    }
    return page(request, "drop.html", found=found, model=snapshot.default.model, megabytes=_megabytes(request))


def _megabytes(request: Request) -> int:
    return server_state(request).config.max_upload_bytes // 1_000_000
