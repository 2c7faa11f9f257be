"""The layout of every page: the template environment and the values that all templates get."""

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
from unheard.serve.pages.text import address, clock, duration, percent, short, thousands
from unheard.serve.snapshot import Snapshot
from unheard.serve.state import current_snapshot, server_state

TEMPLATES = Path(__file__).with_name("templates")

# Address and name of each entry of the menu, and of the menu "Advanced".
MENU = (("/tracks", "Browse"), ("/saved", "My playlists"), ("/make", "New playlist"), ("/map", "Map"))
ADVANCED = (
    ("/drop", "Drop a file"),
    ("/models", "Compare models"),
    ("/runs", "Jobs and results"),
    ("/scores", "What scores mean"),
    ("/start", "Add music"),
    ("/docs", "HTTP API"),
)

ERRORS = {
    400: "That did not work",
    404: "Not found",
    409: "Not ready yet",
    413: "Too large",
    422: "That did not work",
    500: "Internal error",
}


CurrentSnapshot = Annotated[Snapshot, Depends(current_snapshot)]


@cache
def environment() -> Environment:
    """Return the template environment; it escapes all values."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters |= {
        "short": short,
        "clock": clock,
        "duration": duration,
        "thousands": thousands,
        "percent": percent,
    }
    templates.globals |= {
        "address": address,
        "menu": MENU,
        "advanced": ADVANCED,
        "version": __version__,
        "static": versioned(),
    }
    return templates


def page(
    request: Request, template: str, /, *, status: int = 200, cache_control: str = REVALIDATED, **values: object
) -> Response:
    """Render a template as a response; `here` is the address that the menu marks."""
    server = server_state(request)
    common = {
        "here": request.url.path,
        "workspace": server.workspace.root.resolve().name,
        "simulated": server.workspace.is_demo,
        "experiment": server.experiment,
    }
    html = environment().get_template(template).render({**common, **values})
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers={"cache-control": cache_control})


def error_page(request: Request, status: int, title: str, message: str) -> Response:
    """Show an error as a page; `title` is for statuses that are not in ERRORS."""
    waiting = status == HTTPStatus.CONFLICT  # a stage has not run yet
    return page(request, "error.html", status=status, title=ERRORS.get(status, title), message=message, waiting=waiting)
