"""A workspace that an earlier version of unheard wrote in format 1, and what it answered from it."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parents[1] / "fixtures" / "workspace-format-1.tar.xz"


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `format-1`, and the lists of its two models as CSV files. Read it only."""
    folder = tmp_path_factory.mktemp("format-1")
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def old(unpacked: Path, tmp_path: Path) -> Path:
    """A copy of the workspace of format 1."""
    return shutil.copytree(unpacked / "format-1", tmp_path / "w")
