"""The frame around every page: one template environment, what every page knows."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unheard import __version__
from unheard.serve.assets import versioned
from unheard.serve.http_caching import REVALIDATED
from unheard.serve.pages.text import address, clock, lasting, percent, short, thousands
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import current_snapshot, server_state

TEMPLATES = Path(__file__).with_name("templates")

# What the menu shows: address, name.
MENU = (
    ("/tracks", "Browse"),
    ("/drop", "Drop a file"),
    ("/make", "Make a playlist"),
    ("/map", "Map"),
    ("/models", "Models"),
    ("/runs", "Runs"),
    ("/scores", "Scores"),
)

ERRORS = {
    400: "That did not work",
    404: "Not here",
    409: "Not ready yet",
    413: "Too large",
    422: "That did not work",
    500: "Something broke",
}


def loaded(request: Request) -> Snapshot:
    """The current reading of the workspace."""
    return server_state(request).snapshot()


CurrentSnapshot = Annotated[Snapshot, Depends(current_snapshot)]  # what pages ask for


@cache
def environment() -> Environment:
    """Templates of the pages; everything that is filled in is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"short": short, "clock": clock, "lasting": lasting, "thousands": thousands, "percent": percent}
    made.globals |= {"address": address, "menu": MENU, "version": __version__, "static": versioned()}
    return made


def page(
    request: Request, template: str, /, *, status: int = 200, cache_control: str = REVALIDATED, **values: object
) -> Response:
    """A template as an answer; `here` marks the place in the menu."""
    workspace = server_state(request).workspace
    frame = {"here": request.url.path, "workspace": workspace.root.resolve().name, "simulated": workspace.is_demo}
    html = environment().get_template(template).render({**frame, **values})
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers={"cache-control": cache_control})


def error_page(request: Request, status: int, title: str, message: str) -> Response:
    """What went wrong as a page; `title` is for statuses that have no words of their own."""
    waiting = status == HTTPStatus.CONFLICT  # for a stage that nobody has run yet
    return page(request, "error.html", status=status, title=ERRORS.get(status, title), message=message, waiting=waiting)
