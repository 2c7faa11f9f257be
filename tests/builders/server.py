"""Run a real server on a free port of the loopback, and wait for conditions."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TypeVar

import httpx
from fastapi import FastAPI

from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig
from unheard.serve.connections import PATIENCE, Patience, listener

T = TypeVar("T")


@contextmanager
def running(config: ServeConfig, app: FastAPI | None = None, *, patience: Patience = PATIENCE) -> Iterator[str]:
    """Run the server of `config` (or its `app`) on a free port of the loopback; yield its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = listener(app or make_app(config), patience=patience)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
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


@contextmanager
def process_of(
    workspace: Path, *options: str, before: tuple[str, ...] = (), open_files: int | None = None
) -> Iterator[tuple[str, Popen[str]]]:
    """Run `unheard serve` in a process of its own; yield its address and the process, which is killed at the end.

    before      options of the application itself
    open_files  how many files the process may open
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "unheard", *before, "serve"]
    command += ["-w", str(workspace), "--port", str(port), *options]
    if open_files is not None:
        command = ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh", *command]
    process = Popen(command, stderr=PIPE, stdout=PIPE, text=True)
    url = f"http://127.0.0.1:{port}"

    def is_live() -> bool:
        assert process.poll() is None, process.communicate()
        try:
            return httpx.get(f"{url}/api/health/live", timeout=60).is_success
        except httpx.TransportError:
            return False

    try:
        eventually(is_live, limit_s=180)
        yield url, process
    finally:
        process.kill()
        process.communicate(timeout=60)
