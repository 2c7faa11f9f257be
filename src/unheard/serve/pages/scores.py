"""The page that explains scores."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from unheard.serve.pages.layout import page

router = APIRouter()


@router.get("/scores")
def scores(request: Request) -> Response:
    """Explain every number that the pages show."""
    return page(request, "scores.html")
