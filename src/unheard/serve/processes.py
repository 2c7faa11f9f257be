"""Serve one workspace with several processes, which share a port; one that ends is replaced."""

from __future__ import annotations

from functools import partial

from uvicorn import Config
from uvicorn.supervisors import Multiprocess

from unheard.errors import UserError
from unheard.file_lock import HAS_LOCKS
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.connections import BACKLOG, PATIENCE, BoundedProtocol

HEALTH_CHECK_S = 60  # a process that does not answer for so long is replaced


def serve_in_processes(config: ServeConfig, processes: int, *, grace_s: int) -> None:
    """Serve until a signal ends it. UserError where files cannot be locked, because nothing would run once only.

    grace_s  for open connections while the server stops
    """
    if not HAS_LOCKS:
        raise UserError("--processes: this system cannot lock files among processes; leave it out")
    settings = Config(
        partial(make_app, config),
        factory=True,
        host=config.host,
        port=config.port,
        workers=processes,
        http=BoundedProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=PATIENCE.idle_s,
        timeout_graceful_shutdown=grace_s,
        timeout_worker_healthcheck=HEALTH_CHECK_S,
    )
    Multiprocess(settings, sockets=[settings.bind_socket()]).run()
