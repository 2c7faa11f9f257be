"""Hash and extract the audio files of a scan on the cluster; decisions and records are those of the local scan.

Executors get paths or URLs, never bytes, and read the files themselves. Each task runs the local scan's worker process,
so a file that crashes or hangs a decoder costs one file and no task. A task writes spectrograms to a shard of the mel
store that it locks, as every writer does; the rest of the outcomes, some 5 kB a track, stays on the executors' disks
until the driver commits it in the order of the sources. So the library and the features are the same, row for row, as
after a local scan, and every track's frames byte for byte; only the shard that they are in depends on the cluster. The
next batch is extracted in the meantime. A lost executor's part is extracted again.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from unheard.cluster.spark import Numbers, over_ranges
from unheard.ingest.workers import FileTask, in_order
from unheard.library import open_library
from unheard.scan.audio_extraction import ExtractedAudio
from unheard.scan.read_ahead import FileRead
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.shards import MelWriter, ShardsOfTasks
from unheard.spectrograms.store import mel_writer, shards_of_tasks
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILES_PER_TASK = 32  # whole songs take half a second each, starting a task's process up to two
TASKS_PER_CORE = 4  # in a batch
MIN_BATCH = 512  # files

SCHEMA = pa.schema({"row": pa.int64(), "outcome": pa.binary()})

Outcomes = Generator[tuple[Any, Any]]
Shared = tuple[Callable[..., Any], str, Sequence[int]]  # function, workspace, shards to write to


def scan_on_cluster(
    spark: SparkSession, workspace: Workspace, sources: Sequence[Path | str], **options: Any
) -> ScanReport:
    """Do what `scan` does, with the same options but `jobs`, and extract on the cluster."""
    with shards_of_tasks(workspace) as shards:
        extract = partial(run_on_cluster, spark, workspace, shards=shards)
        report = scan(workspace, sources, jobs=1, extract=extract, **options)
    with open_library(workspace.library_path) as library, mel_writer(workspace) as writer:
        writer.compact(library)  # not possible before: tasks had stored what the library did not know
    return report


def run_on_cluster(
    spark: SparkSession,
    workspace: Workspace,
    function: Callable[..., Any],
    tasks: Iterable[FileTask[Any]],
    *,
    shards: ShardsOfTasks | None = None,
) -> Outcomes:
    """Do what `in_order` does, on the cluster; with `shards`, spectrograms of what `read_file` returns are stored.

    When the generator is closed early, its own jobs are cancelled, and no others of the session.
    """
    n_writers = spark.sparkContext.defaultParallelism
    size = max(MIN_BATCH, n_writers * TASKS_PER_CORE * FILES_PER_TASK)
    source, running = iter(tasks), None
    tag = f"unheard-{uuid.uuid4().hex}"
    with ThreadPoolExecutor(1) as background:
        spark.sparkContext.addJobTag(tag)  # of this thread, which collects the outcomes
        try:
            while batch := list(islice(source, size)):
                numbers = [] if shards is None else shards.with_room(n_writers)
                shared = function, str(workspace.root.resolve()), numbers
                upcoming = batch, background.submit(_extract, spark, batch, shared, tag)
                if running is not None:
                    yield from _in_order(running[0], running[1].result())
                running = upcoming
            if running is not None:
                yield from _in_order(running[0], running[1].result())
        finally:
            spark.sparkContext.cancelJobsWithTag(tag)
            spark.sparkContext.removeJobTag(tag)


def _extract(spark: SparkSession, batch: Sequence[FileTask[Any]], shared: Shared, tag: str) -> DataFrame | None:
    """Compute the outcomes of a batch and leave them on the executors; None if no file has to be read."""
    from pyspark import StorageLevel

    todo = [FileTask(row, task.arguments, task.limit_s) for row, task in enumerate(batch) if task.arguments is not None]
    if not todo:
        return None
    spark.sparkContext.addJobTag(tag)  # of this thread
    frame = over_ranges(
        spark,
        len(todo),
        per_task=FILES_PER_TASK,
        function=_outcomes,
        shared=(todo, shared),
        schema=SCHEMA,
    ).persist(StorageLevel.DISK_ONLY)
    frame.count()
    return frame


def _outcomes(numbers: Numbers, shared: tuple[Sequence[FileTask[int]], Shared]) -> Iterator[dict[str, Any]]:
    """Extract some files, on an executor. Pickled as the pipe of a local worker process does."""
    todo, (function, root, shards) = shared
    tasks = (todo[number] for number in numbers)
    with (
        mel_writer(Workspace.open(Path(root)), shards) as writer,
        closing(in_order(function, tasks, n_workers=1)) as results,
    ):
        for row, outcome in results:
            yield {"row": row, "outcome": pickle.dumps(_with_stored_mel(outcome, writer))}


def _with_stored_mel(outcome: Any, writer: MelWriter) -> Any:
    """Store the spectrogram of a file; if there are more tasks than shards, the driver does it."""
    if not isinstance(outcome, FileRead) or not isinstance(audio := outcome.outcome, ExtractedAudio):
        return outcome
    if not writer.claim():
        return outcome
    stored = writer.append(outcome.track_id, audio.mel, outcome.content_hash)
    return replace(outcome, outcome=replace(audio, mel=stored))


def _in_order(batch: Sequence[FileTask[Any]], frame: DataFrame | None) -> Outcomes:
    """Yield the outcomes of a batch in its order; None for a step that computes nothing."""
    found = iter(()) if frame is None else frame.toLocalIterator(prefetchPartitions=True)
    for row, task in enumerate(batch):
        outcome = None
        if task.arguments is not None:
            extracted = next(found)
            assert extracted.row == row
            outcome = pickle.loads(extracted.outcome)  # noqa: S301 - what `_outcomes` wrote, over the cluster's own wires
        yield task.key, outcome
    rest = next(found, None)  # reads to the end, which closes the connection
    assert rest is None
    if frame is not None:
        frame.unpersist()
