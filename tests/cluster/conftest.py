"""A real Spark cluster on the loopback interface, and a session on it. Without pyspark nothing here is collected."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import run_all
from tests.cluster.standalone import Cluster
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]
HERE = Path(__file__).parent
BLEND = """
name = "small"
about = "a blend for tests"

[[member]]
[member.reduced-rank]

[[member]]
artist = true
[member.shrinkage]

[[member]]
[member.two-tower]
output = 8
steps = 20
checks = 2
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that none can be forgotten."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(
                pytest.mark.filterwarnings("ignore::ResourceWarning")
            )  # py4j leaves sockets to the collector
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers of one core; none of their processes is left at the end."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def spark(cluster: Cluster) -> Iterator[SparkSession]:
    from unheard.cluster.spark import spark_session

    with spark_session(cluster.master, cluster.settings) as session:
        yield session


@pytest.fixture
def two_workers(cluster: Cluster) -> Cluster:
    """The cluster with both of its workers, whatever an earlier test has killed."""
    cluster.start_workers()
    return cluster


@pytest.fixture(scope="session")
def world(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audible world with a network `tiny` and a blend `small`, trained on the split `artists`."""
    folder = tmp_path_factory.mktemp("world")
    copied = copy_workspace(audio_world, folder)
    (folder / "small.toml").write_text(BLEND)
    run_all(("train", "-w", copied, folder / "small.toml", "--split", "artists"))
    return copied


@pytest.fixture
def workspace(world: Path, tmp_path: Path) -> Workspace:
    """A copy of the world's workspace."""
    return Workspace.open(Path(shutil.copytree(world, tmp_path / "workspace")))
