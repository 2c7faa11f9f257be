"""Test that results come in order if workers die, hang, raise or are slow."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from unheard.errors import AudioError, Reason
from unheard.ingest.workers import FileTask, InternalError, WorkerFailure, in_order

pytestmark = pytest.mark.slow


def work(kind: str, value: int) -> Any:
    match kind:
        case "exit":
            os._exit(7)
        case "abort":
            os.kill(os.getpid(), signal.SIGABRT)
        case "hang":
            threading.Event().wait()
        case "refuse":
            raise AudioError("a.ogg", Reason.EMPTY, "nothing")
        case "bug":
            raise ValueError("oops")
        case "memory":
            raise MemoryError
        case "pid":
            return os.getpid()
        case "ready":
            return "ready"
    return value * value


def run(jobs: list[FileTask[int]], n_workers: int = 2) -> list[tuple[int, Any]]:
    return list(in_order(work, jobs, n_workers=n_workers))


@pytest.mark.parametrize("n_workers", [1, 3])
def test_results_are_in_order(n_workers: int) -> None:
    jobs = [FileTask(n, ("square", n) if n % 3 else None) for n in range(30)]
    assert run(jobs, n_workers) == [(n, n * n if n % 3 else None) for n in range(30)]


def test_only_the_file_that_kills_is_lost() -> None:
    kinds = ["square", "exit", "square", "abort", "refuse", "bug", "exit", "square", "memory"]
    found = [outcome for _, outcome in run([FileTask(n, (kind, n)) for n, kind in enumerate(kinds)])]
    assert [found[n] for n in (0, 2, 7)] == [0, 4, 49]
    assert found[1] == found[6] == WorkerFailure(Reason.CRASHED, "the decoder ended the process (exit code 7)")
    assert found[3] == WorkerFailure(Reason.CRASHED, "the decoder ended the process (SIGABRT)")
    assert isinstance(found[4], AudioError)
    assert (found[4].reason, found[4].path, found[4].detail) == (Reason.EMPTY, Path("a.ogg"), "nothing")
    assert found[5] == InternalError("ValueError: oops")
    assert found[8] == WorkerFailure(Reason.CRASHED, "not enough memory; check or exclude it")


def test_a_file_that_hangs_is_given_up() -> None:
    start = time.monotonic()
    found = run([FileTask(0, ("hang", 0), limit_s=3.0), FileTask(1, ("square", 1)), FileTask(2, ("square", 2))])
    assert found[0][1].reason is Reason.TIMED_OUT
    assert [outcome for _, outcome in found[1:]] == [1, 4]
    assert 3.0 <= time.monotonic() - start < 30.0


def test_jobs_are_drawn_when_there_is_room() -> None:
    """The number of results that wait for an earlier job is bounded."""
    drawn: list[int] = []

    def jobs() -> Any:
        for n in range(100):
            drawn.append(n)
            yield FileTask(n, ("square", n))

    results = in_order(work, jobs(), n_workers=2)
    next(results)
    assert len(drawn) <= 9
    assert sum(1 for _ in results) == 99


def test_nothing_to_compute_starts_no_process() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(run([FileTask(n) for n in range(1000)])) == 1000
    assert resource.getrusage(resource.RUSAGE_CHILDREN) == before  # a worker that ended would be in the sum


def test_workers_are_reused_and_end() -> None:
    pids = {outcome for _, outcome in run([FileTask(n, ("pid", 0)) for n in range(10)], 2)}
    assert 1 <= len(pids) <= 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_result_may_look_like_the_greeting() -> None:
    assert run([FileTask(0, ("ready", 0)), FileTask(1, ("square", 3))], 1) == [(0, "ready"), (1, 9)]
