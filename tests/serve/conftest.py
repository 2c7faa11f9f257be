"""Workspaces to serve, and a running server of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.server import running
from unheard.serve.config import ServeConfig


@pytest.fixture(scope="session")
def served_workspace(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """284 tracks of 41 artists, 92 playlists, the model `toy` in three seeds on split `artists`; no audio files."""
    return shutil.copytree(music_world, tmp_path_factory.mktemp("served") / "w")


@pytest.fixture
def own_workspace(served_workspace: Path, tmp_path: Path) -> Path:
    """A copy of `served_workspace` to change."""
    return shutil.copytree(served_workspace, tmp_path / "w")


@pytest.fixture(scope="session")
def server_url(served_workspace: Path) -> Iterator[str]:
    """A running server of `served_workspace`; read from it, change nothing."""
    with running(ServeConfig(workspace=served_workspace)) as url:
        yield url
