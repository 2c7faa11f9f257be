"""The web application: rooms of the server put together. Imports no torch and no training code."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from unheard import __version__
from unheard.serve import api, listening, pages
from unheard.serve.config import ServeConfig
from unheard.serve.state import Served

STATIC = Path(__file__).with_name("static")


def make_app(config: ServeConfig) -> FastAPI:
    """The application of one workspace; `app.state.served` is what it holds in memory."""
    app = FastAPI(title="unheard", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.served = Served(config)
    app.include_router(api.router)
    app.include_router(listening.router, include_in_schema=False)
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
    return app
