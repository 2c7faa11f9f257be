"""Two small complete workspaces, and what people see of the first."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.builders.shared import build_once
from tests.torture.damages import answers
from tests.torture.world import build

BASE = "UNHEARD_TORTURE_WORLDS"  # a folder with the worlds `a` and `b` of an earlier run of tests.torture.damages


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the first world, with its workspace `w`; copy the workspace before a change."""
    if BASE in os.environ:
        return Path(os.environ[BASE]) / "a"
    return build_once(tmp_path_factory, "torture-a", build)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world by other bands."""
    if BASE in os.environ:
        return Path(os.environ[BASE]) / "b"
    return build_once(tmp_path_factory, "torture-b", lambda folder: build(folder, seed=1))


@pytest.fixture
def workspace(world: Path, tmp_path: Path) -> Path:
    """A copy of the first workspace."""
    return shutil.copytree(world / "w", tmp_path / "w")


@pytest.fixture(scope="session")
def expected(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What people see of a copy of the first workspace, with its path taken out."""
    root = shutil.copytree(world / "w", tmp_path_factory.mktemp("expected") / "w")
    answers(root)  # writes caches
    return {name: found.replace(str(root).encode(), b"W") for name, found in answers(root).items()}
