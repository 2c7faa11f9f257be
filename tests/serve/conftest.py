"""A tiny workspace and a real server of it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from tests.cli.conftest import RECIPE, run_command
from tests.recommend import world
from unheard.demo.generator import build_world
from unheard.serve.app import make_app
from unheard.serve.config import ServeConfig

T = TypeVar("T")


@contextmanager
def running(config: ServeConfig, app: FastAPI | None = None) -> Iterator[str]:
    """The address of a real uvicorn that serves `config` (or its `app`) on a free port of the loopback."""
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


@pytest.fixture(scope="session")
def served_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """284 tracks of 41 artists, 92 playlists, the model `toy` in three seeds on split `artists`; no audio files."""
    return world.build(tmp_path_factory.mktemp("served") / "w").root


@pytest.fixture
def own_workspace(served_workspace: Path, tmp_path: Path) -> Path:
    """A copy of `served_workspace` to change."""
    return shutil.copytree(served_workspace, tmp_path / "w")


@pytest.fixture(scope="session")
def heard_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up world of 28 tracks, its workspace in `workspace`: scanned, imported, split, and a model `tiny`."""
    world = tmp_path_factory.mktemp("heard") / "world"
    build_world(world, n_bands=14, n_tracks=28, n_playlists=100, seconds=3.0, jobs=1)
    (world / "tiny.toml").write_text(RECIPE)
    w = world / "workspace"
    for words in (
        ("init", "-w", w),
        ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        ("import", "-w", w, world / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
    ):
        ran = run_command(*words)
        assert ran.code == 0, (words, ran)
    return world


def eventually(check: Callable[[], T | None], *, limit_s: float = 60.0) -> T:
    """What `check` gives once it gives something; it is asked again and again until the limit."""
    deadline_s = time.monotonic() + limit_s
    pause = threading.Event()
    while time.monotonic() < deadline_s:
        if found := check():
            return found
        pause.wait(0.05)
    raise AssertionError(f"nothing within {limit_s} s")


@pytest.fixture(scope="session")
def server_url(served_workspace: Path) -> Iterator[str]:
    """A running server of `served_workspace`; read from it, change nothing."""
    with running(ServeConfig(workspace=served_workspace)) as url:
        yield url
