"""Measure how much faster two workers of a core each scan than one, on a Spark cluster of this machine.

    python bench/cluster_workers.py [--songs 96] [--seconds 240] [--rounds 5]

Each worker is pinned to a core of its own. One and two workers take turns; the figure is the median of the rounds'
ratios. Sessions are started, and executors warmed up with a song, before the clock runs. Needs a quiet machine: the
driver, the operating system and other programs share the cores. Needs the extra `spark` and Java.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from tests.cluster.standalone import Cluster
from tests.ingest.sounds import song, write

from unheard.cluster import scan as cluster_scan
from unheard.cluster.spark import spark_session
from unheard.workspace import Workspace


def music(folder: Path, n: int, seconds: float) -> list[Path]:
    """Return `n` FLAC files of the same noise with different tags, so that none is a copy."""
    first = write(folder / "0000.flac", song(0, seconds))
    files = [first]
    for number in range(1, n):
        files.append(folder / f"{number:04d}.flac")
        shutil.copy(first, files[-1])
        tags = mutagen.File(files[-1])
        tags["title"] = [f"Song {number}"]
        tags.save()
    return files


def pin(processes: list[Any]) -> None:
    """Give each process, with all of its threads and what it will start, a core of its own."""
    for process, core in zip(processes, sorted(os.sched_getaffinity(0)), strict=False):
        for thread in Path(f"/proc/{process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


def measure(cluster: Cluster, files: list[Path], root: Path, workers: int) -> float:
    """Return the seconds of a scan with executors on so many workers."""
    settings = cluster.settings | {"spark.cores.max": str(workers)}
    with spark_session(cluster.master, settings) as spark:
        cluster_scan.scan_on_cluster(spark, Workspace.init(root / "warm"), files[:1])
        start = time.monotonic()
        report = cluster_scan.scan_on_cluster(spark, Workspace.init(root / "w"), list(files))
        seconds = time.monotonic() - start
    assert report.added == len(files)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cluster_scan.FILES_PER_TASK = max(1, options.songs // 8)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = music(root / "music", options.songs, options.seconds)
        (root / "cluster").mkdir()
        with Cluster(root / "cluster") as cluster:
            pin(cluster.workers)
            for number in range(options.rounds):
                one, two = (measure(cluster, files, root / f"{number}-{n}", n) for n in (1, 2))
                ratios.append(one / two)
                print(f"round {number}: one {one:.1f} s, two {two:.1f} s, {one / two:.2f} times", flush=True)
    load = os.getloadavg()[0]
    sound = options.songs * options.seconds
    print(f"median {np.median(ratios):.2f} times, {sound:.0f} s of sound, load at the end {load:.1f}")


if __name__ == "__main__":
    main()
