"""Extract the audio files of a scan on the cluster; plan and commit are those of the local scan.

Executors get paths, never bytes, and read the files themselves. Each task runs the local scan's worker process, so a
file that crashes or hangs a decoder costs one file and no task. Outcomes stay on the executors' disks until the driver
commits them in the order of the sources, so the workspace is the same, byte for byte, as after a local scan; the next
batch is extracted in the meantime. A lost executor's part is extracted again.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from unheard.cluster.spark import Numbers, over_ranges
from unheard.ingest.workers import FileTask, in_order
from unheard.scan.plan import Step
from unheard.scan.scan import ScanReport, scan
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILES_PER_TASK = 32  # whole songs take half a second each, starting a task's process up to two; 42 MB of spectrograms
TASKS_PER_CORE = 4  # in a batch
MIN_BATCH = 512  # files

SCHEMA = pa.schema({"row": pa.int64(), "outcome": pa.binary()})

Outcomes = Generator[tuple[Step, Any]]


def scan_on_cluster(spark: SparkSession, workspace: Workspace, sources: Sequence[Path], **options: Any) -> ScanReport:
    """Do what `scan` does, with the same options but `jobs`, and extract on the cluster."""
    return scan(workspace, sources, jobs=1, extract=partial(extract_on_cluster, spark), **options)


def extract_on_cluster(
    spark: SparkSession, function: Callable[..., Any], tasks: Iterable[FileTask[Step]], *, n_workers: int = 1
) -> Outcomes:
    """Do what `in_order` does, on the cluster. `n_workers` is the number of processes of one Spark task."""
    size = max(MIN_BATCH, spark.sparkContext.defaultParallelism * TASKS_PER_CORE * FILES_PER_TASK)
    source, running = iter(tasks), None
    with ThreadPoolExecutor(1) as background:
        try:
            while batch := list(islice(source, size)):
                upcoming = batch, background.submit(_extract, spark, function, batch, n_workers)
                if running is not None:
                    yield from _in_order(running[0], running[1].result())
                running = upcoming
            if running is not None:
                yield from _in_order(running[0], running[1].result())
        finally:
            spark.sparkContext.cancelAllJobs()


def _extract(
    spark: SparkSession, function: Callable[..., Any], batch: Sequence[FileTask[Step]], n_workers: int
) -> DataFrame | None:
    """Compute the outcomes of a batch and leave them on the executors; None if no file has to be read."""
    from pyspark import StorageLevel

    todo = [FileTask(row, task.arguments, task.limit_s) for row, task in enumerate(batch) if task.arguments is not None]
    if not todo:
        return None
    frame = over_ranges(
        spark,
        len(todo),
        per_task=FILES_PER_TASK,
        function=_outcomes,
        shared=(function, todo, n_workers),
        schema=SCHEMA,
    ).persist(StorageLevel.DISK_ONLY)
    frame.count()
    return frame


def _outcomes(
    numbers: Numbers, shared: tuple[Callable[..., Any], Sequence[FileTask[int]], int]
) -> Iterator[dict[str, Any]]:
    """Extract some files, on an executor. Pickled as the pipe of a local worker process does."""
    function, todo, n_workers = shared
    with closing(in_order(function, (todo[number] for number in numbers), n_workers=n_workers)) as results:
        for row, outcome in results:
            yield {"row": row, "outcome": pickle.dumps(outcome)}


def _in_order(batch: Sequence[FileTask[Step]], frame: DataFrame | None) -> Outcomes:
    """Yield the outcomes of a batch in its order; None for a step that computes nothing."""
    found = iter(()) if frame is None else frame.toLocalIterator(prefetchPartitions=True)
    for row, task in enumerate(batch):
        outcome = None
        if task.arguments is not None:
            extracted = next(found)
            assert extracted.row == row
            outcome = pickle.loads(extracted.outcome)  # noqa: S301 - what `_outcomes` wrote, over the cluster's own wires
        yield task.key, outcome
    assert next(found, None) is None  # reads to the end, which closes the connection
    if frame is not None:
        frame.unpersist()
