"""A tiny workspace and a real server of it."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.recommend import world
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig


@contextmanager
def running(config: ServeConfig) -> Iterator[str]:
    """The address of a real uvicorn that serves `config` on a free port of the loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(config), log_level="warning", access_log=False))
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


@pytest.fixture(scope="session")
def served_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """284 tracks of 41 artists, 92 playlists, the model `toy` in three seeds on split `artists`; no audio files."""
    return world.build(tmp_path_factory.mktemp("served") / "w").root


@pytest.fixture
def own_workspace(served_workspace: Path, tmp_path: Path) -> Path:
    """A copy of `served_workspace` to change."""
    return shutil.copytree(served_workspace, tmp_path / "w")


@pytest.fixture(scope="session")
def server_url(served_workspace: Path) -> Iterator[str]:
    """A running server of `served_workspace`; read from it, change nothing."""
    with running(ServeConfig(workspace=served_workspace)) as url:
        yield url
