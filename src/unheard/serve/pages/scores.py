"""What scores mean, in plain words."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from unheard.serve.pages.layout import page

router = APIRouter()


@router.get("/scores")
def scores(request: Request) -> Response:
    """Every number that the pages show."""
    return page(request, "scores.html")
