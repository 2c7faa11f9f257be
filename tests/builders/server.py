"""Run a real server on a free port of the loopback, and wait for conditions."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
import uvicorn
from fastapi import FastAPI

from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig

T = TypeVar("T")


@contextmanager
def running(config: ServeConfig, app: FastAPI | None = None) -> Iterator[str]:
    """Run uvicorn with `config` (or its `app`) on a free port of the loopback; yield its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app or make_app(config), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
                client.get(f"{url}/api/health/live", timeout=30)
            yield url
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


def eventually(check: Callable[[], T | None], *, limit_s: float = 60.0) -> T:
    """Call `check` until it returns a true value, and return that; fail after the limit."""
    deadline_s = time.monotonic() + limit_s
    pause = threading.Event()
    while time.monotonic() < deadline_s:
        if found := check():
            return found
        pause.wait(0.05)
    raise AssertionError(f"nothing within {limit_s} s")
