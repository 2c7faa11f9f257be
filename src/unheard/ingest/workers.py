"""Worker processes for files that may crash a decoder or hang it for ever.

`concurrent.futures` can say neither which task killed a worker nor stop one task, so this is a small pool of its own:
one pipe to each process, so that the parent knows exactly what each is doing. Results come out in the order the jobs
went in, however long each takes, and only a few are held at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from unheard.errors import AudioError, Reason, UnheardError, UserError

Key = TypeVar("Key")
WAITING_PER_WORKER = 4  # results that may wait for an earlier one
READY = "ready"
START_LIMIT_S = 60.0


@dataclass(frozen=True)
class Job(Generic[Key]):
    """Arguments for one call in a worker; None for a job with nothing to compute, which only keeps its place."""

    key: Key
    arguments: tuple[Any, ...] | None = None
    limit_s: float = 600.0


@dataclass(frozen=True)
class Lost:
    """A call that gave no result because of its file: it killed its process, took too long or filled the memory."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class InternalError:
    """A call that raised something other than AudioError: a bug, or a library of a version that does not fit."""

    detail: str

    def as_error(self, path: str) -> UnheardError:
        """The error that tells the user so."""
        return UnheardError(
            f"{path}: {self.detail}; this is not the file's fault but a bug, or a library of a version that does not "
            "fit; run `unheard doctor`"
        )


@dataclass
class _Place(Generic[Key]):
    """A job's place in the queue of results."""

    key: Key
    done: bool = False
    outcome: Any = None


def in_order(
    function: Callable[..., Any], jobs: Iterable[Job[Key]], *, n_workers: int
) -> Iterator[tuple[Key, Any | AudioError | Lost | InternalError]]:
    """Call `function(*arguments)` in up to `n_workers` processes; (key, result) in the order of `jobs`.

    The result of a call is what it returns, the AudioError that it raises, `Lost` or `InternalError`. `function` and
    its arguments are pickled by reference and by value. Jobs are drawn one by one, when there is room for them.
    """
    source, exhausted = iter(jobs), False
    places: deque[_Place[Key]] = deque()
    with _Workers(function, n_workers) as workers:
        while True:
            while not exhausted and workers.has_room and len(places) < n_workers * WAITING_PER_WORKER:
                job = next(source, None)
                if job is None:
                    exhausted = True
                    break
                place = _Place(job.key, done=job.arguments is None)
                places.append(place)
                if job.arguments is not None:
                    workers.start(place, job.arguments, job.limit_s)
            if places and places[0].done:
                place = places.popleft()
                yield place.key, place.outcome
            elif places:
                workers.wait()
            else:
                return


@dataclass
class _Worker:
    process: Any
    pipe: connection.Connection
    ready: bool = False
    place: _Place[Any] | None = None
    limit_s: float = 0.0
    deadline_s: float = 0.0


class _Workers:
    """The processes; started when first needed, so a scan with nothing to do starts none."""

    def __init__(self, function: Callable[..., Any], n: int) -> None:
        self._function, self._n = function, n
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for worker in self._workers:
            _stop(worker)

    @property
    def has_room(self) -> bool:
        return len(self._workers) < self._n or any(worker.place is None for worker in self._workers)

    def start(self, place: _Place[Any], arguments: tuple[Any, ...], limit_s: float) -> None:
        worker = next((worker for worker in self._workers if worker.place is None), None) or self._add()
        worker.place, worker.limit_s = place, limit_s
        worker.deadline_s = time.monotonic() + (limit_s if worker.ready else max(limit_s, START_LIMIT_S))
        with suppress(OSError):  # when it died idle; its end of the pipe tells `wait`
            worker.pipe.send(arguments)

    def wait(self) -> None:
        """Until at least one job is done, in whatever way."""
        busy = {worker.pipe: worker for worker in self._workers if worker.place is not None}
        first = min(worker.deadline_s for worker in busy.values())
        ready = connection.wait(list(busy), timeout=max(0.0, first - time.monotonic()))
        for pipe in ready:
            self._collect(busy[pipe])  # type: ignore[index]
        now = time.monotonic()
        for worker in busy.values():
            if worker.place is not None and now > worker.deadline_s:
                self._lose(worker, Reason.TIMED_OUT, f"still decoding after {worker.limit_s:g} s; check or exclude it")

    def _collect(self, worker: _Worker) -> None:
        assert worker.place is not None
        try:
            outcome = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            if not worker.ready:
                raise UserError(
                    "worker processes cannot start; a script needs its call of scan below `if __name__ == '__main__':`"
                ) from None
            self._lose(worker, Reason.CRASHED, f"the decoder ended the process ({_how(worker.process.exitcode)})")
            return
        if not worker.ready:
            worker.ready = outcome == READY
            worker.deadline_s = time.monotonic() + worker.limit_s  # a slow start is not the file's fault
            return
        worker.place.outcome, worker.place.done, worker.place = outcome, True, None

    def _lose(self, worker: _Worker, reason: Reason, detail: str) -> None:
        assert worker.place is not None
        worker.place.outcome, worker.place.done = Lost(reason, detail), True
        self._workers.remove(worker)
        _stop(worker)

    def _add(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._function), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _serve(pipe: connection.Connection, function: Callable[..., Any]) -> None:
    """In the worker: answer until the parent closes the pipe, by will or by dying."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # C libraries complain about files there; failures are listed instead
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
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
                outcome = Lost(Reason.CRASHED, "the memory was not enough; check or exclude it")
            except Exception as error:  # noqa: BLE001 - the caller decides what becomes of the other files
                outcome = InternalError(" ".join(f"{type(error).__name__}: {error}".split())[:300])
            pipe.send(outcome)
    except (EOFError, OSError):
        return
