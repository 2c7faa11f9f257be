"""The page of thumbs: tracks with a thumb up and with a thumb down, which can be taken back."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from unheard.serve import own_lists, queries
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.text import local_path
from unheard.serve.pages.views import TrackView
from unheard.thumbs import damaged_lines, set_thumb

router = APIRouter()


@router.get("/thumbs")
def every(request: Request, snapshot: CurrentSnapshot) -> Response:
    """List the tracks with a thumb."""
    items = own_lists.thumbs(snapshot).items
    lists = {thumb: [TrackView(one.track) for one in items if one.thumb == thumb] for thumb in ("up", "down")}
    workspace = snapshot.default.workspace
    return page(request, "thumbs.html", lists=lists, damaged=damaged_lines(workspace), file=workspace.thumbs_path.name)


@router.post("/thumbs")
def give(
    snapshot: CurrentSnapshot,
    id: Annotated[str, Form()],  # noqa: A002 - as in addresses
    thumb: Annotated[Literal["up", "down", "none"], Form()],
    back: Annotated[str, Form()] = "/thumbs",
) -> Response:
    """Store a thumb and return to the page with the form."""
    queries.row_of(snapshot, id)
    set_thumb(snapshot.default.workspace, id, None if thumb == "none" else thumb)
    return RedirectResponse(local_path(back), 303)
