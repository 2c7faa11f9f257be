"""The web application: routers and middleware put together. Imports neither torch nor code that trains."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from threadpoolctl import threadpool_limits

from unheard import __version__
from unheard.serve import api, assets, documentation, errors, listening_test_pages, login, metrics, pages, subsonic
from unheard.serve.attempts import Attempts
from unheard.serve.config import ServeConfig
from unheard.serve.head_requests import HeadRequests
from unheard.serve.metrics import Measured, Metrics
from unheard.serve.response_cache import ResponseCache
from unheard.serve.security import Guard
from unheard.serve.state import ServerState

THREADS = 2  # more would only wait for the interpreter lock; uploads have their own (ServerState.run_upload)
SWITCH_INTERVAL_S = 0.0005  # with Python's default of 5 ms a thread that loads a snapshot would delay every page
# A collection of the oldest generation visits every cached result, which takes 0.2 s for thousands and frees nothing,
# because a snapshot has no reference cycles. By default that would happen every few seconds.
GC_THRESHOLDS = (700, 10, 1000)


def make_app(config: ServeConfig) -> FastAPI:
    """Return the application of one workspace; `app.state.server` is its `ServerState`."""
    server = ServerState(config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.set_threshold(*GC_THRESHOLDS)
        current_default_thread_limiter().total_tokens = THREADS
        with threadpool_limits(1):  # the matrices are small: more BLAS threads only add overhead
            server.start()
            yield
        await run_in_threadpool(server.stop)

    app = FastAPI(
        title="unheard",
        version=__version__,
        description="Recommends music nobody has played yet.",
        docs_url=None,  # FastAPI's page loads scripts from another server
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
    )
    app.state.server = server
    app.state.metrics = Metrics(server)
    app.state.logins = Attempts(login.ATTEMPTS, login.ATTEMPT_EVERY_S)
    pages.add_routes(app)
    api.add_routes(app)
    for module in (login, documentation, listening_test_pages, metrics, subsonic):
        app.include_router(module.router, include_in_schema=False)
    app.mount(assets.versioned(), assets.Immutable(directory=assets.ROOT, check_dir=False), name="versioned")
    app.mount("/static", StaticFiles(directory=assets.ROOT, check_dir=False), name="static")
    errors.add_handlers(app, route_of=metrics.route_of)
    app.add_middleware(ResponseCache, server=server)
    app.add_middleware(HeadRequests)
    app.add_middleware(Guard, config=config)
    app.add_middleware(Measured, metrics=app.state.metrics)  # the last one added sees a request first
    return app
