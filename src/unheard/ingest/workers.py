"""Run calls in worker processes, because a file may crash a decoder or make it hang.

`concurrent.futures` cannot report which task killed a worker, and cannot stop a single task. This pool has one pipe to
each process, so the parent knows which job each process works on. Results are returned in the order of the jobs, and
only a few are held in memory.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from unheard.errors import AudioError, Reason, UnheardError, UserError

Key = TypeVar("Key")
WAITING_PER_WORKER = 4  # results that are held until an earlier job is done
READY = "ready"
START_LIMIT_S = 60.0


@dataclass(frozen=True)
class FileTask(Generic[Key]):
    """Arguments for one call in a worker; None for a job that computes nothing and is only in the order of results."""

    key: Key
    arguments: tuple[Any, ...] | None = None
    limit_s: float = 600.0


@dataclass(frozen=True)
class WorkerFailure:
    """A call without a result, because of its file: it killed its process, took too long or ran out of memory."""

    reason: Reason
    detail: str

    @staticmethod
    def late(doing: str, limit_s: float) -> WorkerFailure:
        """Return the failure of a call that took too long."""
        return WorkerFailure(Reason.TIMED_OUT, f"still {doing} after {limit_s:g} s; check or exclude it")

    @staticmethod
    def ended(what: str, exit_code: int) -> WorkerFailure:
        """Return the failure of a call that ended its process."""
        return WorkerFailure(Reason.CRASHED, f"{what} ended the process ({_exit_description(exit_code)})")


@dataclass(frozen=True)
class InternalError:
    """A call that raised another exception than AudioError: a bug, or an incompatible version of a library."""

    detail: str

    def as_error(self, path: str) -> UnheardError:
        """Return the error for the user."""
        return UnheardError(
            f"{path}: {self.detail}; the cause is not the file but a bug, or an incompatible version of a library; "
            "run `unheard doctor`"
        )


@dataclass
class _Pending(Generic[Key]):
    """A job in the queue of results."""

    key: Key
    done: bool = False
    outcome: Any = None


# (function, tasks) -> (key, result) in the order of the tasks, as `in_order` does
RunTasks = Callable[[Callable[..., Any], Iterable[FileTask[Any]]], Generator[tuple[Any, Any]]]


def in_order(
    function: Callable[..., Any],
    jobs: Iterable[FileTask[Key]],
    *,
    n_workers: int,
    memory_bytes: int | None = None,
) -> Generator[tuple[Key, Any | AudioError | WorkerFailure | InternalError]]:
    """Call `function(*arguments)` in up to `n_workers` processes; yield (key, result) in the order of `jobs`.

    The result of a call is what it returns, the AudioError that it raises, `WorkerFailure` or `InternalError`.
    `function` and its arguments are pickled by reference and by value. A call fails that needs more than `memory_bytes`
    of private memory (on Linux). Jobs are taken from `jobs` one by one. Close the generator (`contextlib.closing`):
    after an exception its processes would otherwise stop when it is collected, at the end of the program perhaps after
    their pipes.
    """
    source, exhausted = iter(jobs), False
    queue: deque[_Pending[Key]] = deque()
    with _Workers(function, n_workers, memory_bytes) as workers:
        while True:
            while not exhausted and workers.has_room and len(queue) < n_workers * WAITING_PER_WORKER:
                job = next(source, None)
                if job is None:
                    exhausted = True
                    break
                pending = _Pending(job.key, done=job.arguments is None)
                queue.append(pending)
                if job.arguments is not None:
                    workers.start(pending, job.arguments, job.limit_s)
            if queue and queue[0].done:
                pending = queue.popleft()
                yield pending.key, pending.outcome
            elif queue:
                workers.wait()
            else:
                return


@dataclass
class _Worker:
    process: Any
    pipe: connection.Connection
    ready: bool = False
    pending: _Pending[Any] | None = None
    limit_s: float = 0.0
    deadline_s: float = 0.0


class _Workers:
    """The processes, started when they are first needed, so a scan with nothing to do starts none."""

    def __init__(self, function: Callable[..., Any], n: int, memory_bytes: int | None) -> None:
        self._function, self._n, self._memory_bytes = function, n, memory_bytes
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in self._workers:
            _stop(worker)

    @property
    def has_room(self) -> bool:
        return len(self._workers) < self._n or any(worker.pending is None for worker in self._workers)

    def start(self, pending: _Pending[Any], arguments: tuple[Any, ...], limit_s: float) -> None:
        worker = next((worker for worker in self._workers if worker.pending is None), None) or self._add()
        worker.pending, worker.limit_s = pending, limit_s
        worker.deadline_s = time.monotonic() + (limit_s if worker.ready else max(limit_s, START_LIMIT_S))
        with suppress(OSError):  # of a worker that died idle; `wait` finds its pipe closed
            worker.pipe.send(arguments)

    def wait(self) -> None:
        """Wait until at least one job is done or has failed."""
        busy = {worker.pipe: worker for worker in self._workers if worker.pending is not None}
        next_deadline_s = min(worker.deadline_s for worker in busy.values())
        ready = connection.wait(list(busy), timeout=max(0.0, next_deadline_s - time.monotonic()))
        for pipe in ready:
            self._collect(busy[pipe])  # type: ignore[index]
        now = time.monotonic()
        for worker in busy.values():
            if worker.pending is not None and now > worker.deadline_s:
                self._give_up(worker, WorkerFailure.late("decoding", worker.limit_s))

    def _collect(self, worker: _Worker) -> None:
        assert worker.pending is not None
        try:
            outcome = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            if not worker.ready:
                raise UserError(
                    "worker processes cannot start; in a script, call scan below `if __name__ == '__main__':`"
                ) from None
            self._give_up(worker, WorkerFailure.ended("the decoder", worker.process.exitcode))
            return
        if not worker.ready:
            worker.ready = outcome == READY
            worker.deadline_s = time.monotonic() + worker.limit_s  # without the time that the process needed to start
            return
        worker.pending.outcome, worker.pending.done, worker.pending = outcome, True, None

    def _give_up(self, worker: _Worker, failure: WorkerFailure) -> None:
        assert worker.pending is not None
        worker.pending.outcome, worker.pending.done = failure, True
        self._workers.remove(worker)
        _stop(worker)

    def _add(self) -> _Worker:
        parent_end, worker_end = self._context.Pipe()
        arguments = (worker_end, self._function, self._memory_bytes)
        process = self._context.Process(target=run_worker, args=arguments, daemon=True)
        process.start()
        worker_end.close()
        worker = _Worker(process, parent_end)
        self._workers.append(worker)
        return worker


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _exit_description(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def limit_memory(n_bytes: int | None) -> None:
    """Bound the memory of this process: what asks for more gets MemoryError. None lifts the bound.

    RLIMIT_DATA counts private memory and not the libraries that are mapped, whose size differs by gigabytes.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = hard if n_bytes is None else n_bytes if hard == resource.RLIM_INFINITY else min(n_bytes, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def run_worker(pipe: connection.Connection, function: Callable[..., Any], memory_bytes: int | None = None) -> None:
    """Compute results in a worker process until the parent closes the pipe or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C libraries print warnings about files; unheard lists failures
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    if memory_bytes is not None:
        limit_memory(memory_bytes)
    try:
        pipe.send(READY)
        while True:
            arguments = pipe.recv()
            outcome: Any
            try:
                outcome = function(*arguments)
            except AudioError as error:
                outcome = error
            except MemoryError:
                outcome = WorkerFailure(Reason.CRASHED, "not enough memory; check or exclude it")
            except Exception as error:  # noqa: BLE001 - the caller decides about the other files
                outcome = InternalError(" ".join(f"{type(error).__name__}: {error}".split())[:300])
            pipe.send(outcome)
    except (EOFError, OSError):
        return
