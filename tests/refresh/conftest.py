"""Fixtures: a small music world whose tests may change it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unheard.workspace import Workspace


@pytest.fixture
def workspace(music_world: Path, tmp_path: Path) -> Workspace:
    """A small music world with the model toy on the split `artists`."""
    return Workspace.open(shutil.copytree(music_world, tmp_path / "w"))
