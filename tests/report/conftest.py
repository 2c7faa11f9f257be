"""A small world with results and hostile tags, its report, and a workspace with hardly anything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import reported_world
from tests.builders.reported_world import Reported
from tests.builders.sound_world import make_world
from unheard.splits import write_splits
from unheard.workspace import Workspace


@pytest.fixture(scope="session")
def world_workspace(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Scanned, trained (a 2-D network in two stages, a sliding one), measured, and an experiment."""
    return reported_world.build(audio_world, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def reported(world_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """The report of the world, with tags of the seed and of others made hostile first."""
    return reported_world.tamper_and_report(world_workspace, tmp_path_factory.mktemp("page") / "report")


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Spectrograms and factors, but no audio file, no model and no results."""
    world = make_world(tmp_path_factory.mktemp("bare") / "w", n_tracks=30)
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    return world.workspace
