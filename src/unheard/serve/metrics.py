"""/metrics: what the server did, for Prometheus; and the access log, one record for each request.

Labels are routes, such as /api/tracks/{track_id}, never addresses: these hold keys of players, links of raters and what
people search for, and there is no end of them. So nothing of a client is in the metrics or in the log but its address.
"""

from __future__ import annotations

import logging
import time
from collections import Counter as Count
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unheard import __version__
from unheard.serve.attempts import address_of
from unheard.serve.http_caching import UNCACHED
from unheard.serve.jobs import State
from unheard.serve.security import METRICS
from unheard.serve.state import ServerState, server_state
from unheard.serve.subsonic.endpoints import ENDPOINTS

router = APIRouter()

BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
NO_ROUTE, OTHER = "none", "other"
PLAYERS, API = "/rest/{name}", "/api"
access_log = logging.getLogger("unheard.access")


class Metrics:
    """The metrics of one server."""

    def __init__(self, server: ServerState) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(ServerCollector(server))
        self.requests = Counter(
            "unheard_requests", "Requests that were answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "unheard_request_seconds",
            "From the head of a request to the last byte of its answer.",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_progress = Gauge("unheard_requests_in_progress", "Requests being answered.", registry=self.registry)


class ServerCollector(Collector):
    """What is read from the state of the server when somebody asks."""

    def __init__(self, server: ServerState) -> None:
        self._server = server

    def collect(self) -> Iterator[Metric]:
        """Yield the jobs, and the size and age of the snapshot."""
        server = self._server
        info = GaugeMetricFamily("unheard_info", "1; the version is a label.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info
        states = Count(job.state for job in server.jobs.all())
        jobs = GaugeMetricFamily("unheard_jobs", "Jobs by state.", labels=("state",))
        for state in State:
            jobs.add_metric((state.value,), states[state])
        yield jobs
        snapshot = server.snapshot() if server.has_snapshot else None
        yield GaugeMetricFamily("unheard_ready", "1 if a model can recommend.", int(snapshot is not None))
        if snapshot is None:
            return
        age_s = time.time() - snapshot.made_at_s
        yield GaugeMetricFamily("unheard_snapshot_age_seconds", "Since the workspace was read.", age_s)
        yield GaugeMetricFamily("unheard_tracks", "Tracks of the library.", len(snapshot.catalogue))
        yield GaugeMetricFamily("unheard_playlists", "Playlists.", len(snapshot.catalogue.playlists))


@router.get(METRICS)
def metrics(request: Request) -> Response:
    """Return all metrics. A server with a token asks for the token or for any key."""
    server_state(request)
    found: Metrics = request.app.state.metrics
    return Response(
        generate_latest(found.registry), headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": UNCACHED}
    )


class Measured:
    """ASGI middleware that counts requests, measures how long they take, and logs them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, n_bytes = time.perf_counter(), 500, 0

        async def counted(message: Message) -> None:
            nonlocal status, n_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
            n_bytes += len(message.get("body", b""))
            await send(message)

        self.metrics.in_progress.inc()
        try:
            await self.app(scope, receive, counted)
        finally:
            seconds = time.perf_counter() - began
            self.metrics.in_progress.dec()
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = route_of(scope)
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            if access_log.isEnabledFor(logging.INFO):
                record = {
                    "client": address_of(scope),
                    "method": method,
                    "route": route,
                    "status": status,
                    "bytes": n_bytes,
                    "ms": round(1000 * seconds, 1),
                }
                access_log.info("%(client)s %(method)s %(route)s %(status)s %(bytes)s B %(ms)s ms", record)


def route_of(scope: Scope) -> str:
    """Return the route that handled a request: of a bounded number."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "/static" if scope["path"].startswith("/static/") else NO_ROUTE
    if path == PLAYERS:
        name = str(scope.get("path_params", {}).get("name", "")).removesuffix(".view")
        return f"/rest/{name}" if name in ENDPOINTS else PLAYERS
    if scope["path"].startswith(f"{API}/") and not path.startswith(f"{API}/"):
        return f"{API}{path}"  # newer versions of FastAPI name a route without the prefix of its router
    return str(path)
