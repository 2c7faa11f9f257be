"""A scan on a cluster stores the rows and the frames of a local scan, whatever fails; shards alone differ."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.standalone import Cluster, wait_until
from tests.scan.test_resume import state
from unheard.cluster import scan as cluster_scan
from unheard.cluster.scan import run_on_cluster, scan_on_cluster
from unheard.ingest.workers import FileTask
from unheard.scan import scan as scanning
from unheard.scan.audio_extraction import ExtractedAudio, extract_audio
from unheard.scan.scan import scan
from unheard.spectrograms.shards import list_shards
from unheard.workspace import Settings, Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POISON, ENDLESS = "00 poison.ogg", "01 endless.ogg"


def extract_or_die(path: Path, settings: Settings, *rest: Any) -> ExtractedAudio:
    """A decoder that kills its process at one file and hangs at another."""
    if path.name == POISON:
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.name == ENDLESS:
        threading.Event().wait()
    return extract_audio(path, settings, *rest[1:])


def finished_tasks(spark: SparkSession) -> int:
    """Return how many tasks of the running stages have finished."""
    tracker = spark.sparkContext.statusTracker()
    found = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return sum(info.numCompletedTasks for info in found if info is not None)


def with_a_loss(spark: SparkSession, cluster: Cluster, job: Callable[[], Any]) -> Any:
    """Return the result of a job during which a worker is killed, when a first task has finished and others run."""
    with ThreadPoolExecutor(1) as background:
        running = background.submit(job)
        wait_until(lambda: running.done() or finished_tasks(spark), "a finished task")
        assert not running.done()
        cluster.kill_a_worker()
        return running.result(timeout=150)


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven tasks for the folder of music."""
    monkeypatch.setattr(cluster_scan, "FILES_PER_TASK", 4)


@pytest.fixture(scope="module")
def music(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 good files, a copy of one, an empty one and a truncated one."""
    folder = tmp_path_factory.mktemp("music")
    files = sorted(path for path in (audio_world / "audio").rglob("*") if path.is_file())[:24]
    for number, path in enumerate(files, start=2):
        shutil.copy2(path, folder / f"{number:02d}{path.suffix}")
    shutil.copy2(files[0], folder / f"40 copy{files[0].suffix}")
    (folder / "41.ogg").write_bytes(b"")
    (folder / f"42{files[3].suffix}").write_bytes(files[3].read_bytes()[: files[3].stat().st_size // 2])
    return folder


@pytest.fixture(scope="module")
def local(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace.init(tmp_path_factory.mktemp("local") / "w")
    scan(workspace, [music], jobs=1)
    return workspace


def test_it_stores_what_a_local_scan_stores(
    spark: SparkSession, two_workers: Cluster, music: Path, local: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace.init(tmp_path / "w")
    report = scan_on_cluster(spark, workspace, [music])
    assert (report.added, report.failed) == (24, 3)
    assert state(workspace) == state(local)
    entries = [(shard.number, entry) for shard in list_shards(workspace.mels_path) for entry in shard.entries()]
    assert len({entry.track_id for _, entry in entries}) == 24
    assert {number for number, _ in entries} <= {0, 1}  # claimed for the executors; the driver would have written to 2
    assert not list(workspace.root.glob(".scan-*"))
    again = scan_on_cluster(spark, workspace, [music])
    assert (again.added, again.unchanged, again.known_failures) == (0, 24, 3)


def test_an_interrupted_scan_ends_its_own_jobs_alone(
    spark: SparkSession, two_workers: Cluster, music: Path, tmp_path: Path
) -> None:
    """Another job of the session, which runs at the same time, goes on to its end."""
    opened = tmp_path / "opened"

    def other(_: int) -> int:
        wait_until(opened.exists, "the interrupted scan")
        return 1

    tasks = [FileTask(path, (path,)) for path in sorted(music.iterdir())]
    with ThreadPoolExecutor(1) as background:
        job = background.submit(lambda: spark.sparkContext.parallelize([0], 1).map(other).sum())
        wait_until(lambda: job.done() or spark.sparkContext.statusTracker().getActiveStageIds(), "the other job")
        outcomes = run_on_cluster(spark, Workspace.init(tmp_path / "w"), os.stat, tasks)
        next(outcomes)
        outcomes.close()
        opened.touch()
        assert job.result(timeout=100) == 1


def test_music_at_a_url(
    spark: SparkSession, two_workers: Cluster, music: Path, local: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace.init(tmp_path / "w")
    report = scan_on_cluster(spark, workspace, [f"file://{music}"])
    assert (report.added, report.failed) == (24, 3)
    assert state(workspace)[0] == state(local)[0]


def test_a_lost_worker_changes_nothing(
    spark: SparkSession, two_workers: Cluster, music: Path, local: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace.init(tmp_path / "w")
    report = with_a_loss(spark, two_workers, lambda: scan_on_cluster(spark, workspace, [music]))
    assert report.added == 24
    assert state(workspace) == state(local)


def test_a_file_that_crashes_or_hangs_costs_one_file(
    spark: SparkSession, two_workers: Cluster, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    good = sorted(music.iterdir())[:4]
    for path, name in zip(good, (POISON, ENDLESS, *(path.name for path in good[2:])), strict=True):
        shutil.copy2(path, folder / name)
    monkeypatch.setattr(scanning, "extract_unless_known", extract_or_die)
    monkeypatch.setattr(scanning, "LIMIT_S", 4.0)
    here, there = Workspace.init(tmp_path / "here"), Workspace.init(tmp_path / "there")
    on_cluster, locally = scan_on_cluster(spark, there, [folder]), scan(here, [folder], jobs=1)
    assert astuple(on_cluster) == astuple(locally)
    assert (on_cluster.added, on_cluster.failed) == (2, 2)
    assert state(there) == state(here)
