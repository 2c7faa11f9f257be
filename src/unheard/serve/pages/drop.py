"""Drop a file: neighbours for a song that the library does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Request, Response, UploadFile

from unheard.errors import UserError
from unheard.serve import answers
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.text import clock
from unheard.serve.pages.track import nearest_lists
from unheard.serve.state import Loaded, served
from unheard.serve.uploads import on_disk

router = APIRouter()


@router.get("/drop")
def drop(request: Request, now: Now) -> Response:
    """The place to drop a file."""
    return page(request, "drop.html", found=None, model=now.default.model, megabytes=_megabytes(request))


@router.post("/drop")
async def hear(request: Request, now: Now, file: Annotated[UploadFile | None, File()] = None) -> Response:
    """Its neighbours. The file is heard and not kept."""
    if file is None or not file.filename:
        raise UserError("no file came; choose an audio file")
    return await served(request).apart(lambda: _hear(request, now, file))


def _hear(request: Request, now: Loaded, file: UploadFile) -> Response:
    with on_disk(file) as path:
        heard = served(request).ears.hear(path, now.default.model)
    found = {
        "title": heard.track.title or Path(file.filename or "").stem or "Your file",
        "artist": heard.track.artist,
        "length": clock(heard.track.duration_s),
        "confidence": answers.told_of(now, heard).confidence,
        "lists": nearest_lists(now, lambda options: answers.similar_to_file(now, heard, options)),
    }
    return page(request, "drop.html", found=found, model=now.default.model, megabytes=_megabytes(request))


def _megabytes(request: Request) -> int:
    return served(request).config.max_upload_bytes // 1_000_000
