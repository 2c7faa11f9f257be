"""Fixtures: a world of audio files after every stage, and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import Run, run_command


@pytest.fixture(scope="session")
def run() -> Run:
    """The command line."""
    return run_command


@pytest.fixture(scope="session")
def world(audio_world: Path) -> Path:
    """Audio files, tracks.csv, playlists.csv, tiny.toml."""
    return audio_world


@pytest.fixture(scope="session")
def workspace(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world's workspace after every stage; a copy that the tests of this folder go on with."""
    return copy_workspace(audio_world, tmp_path_factory.mktemp("cli"))
