"""Read a file that nobody has checked in a process of its own, within bounds of time and memory.

A damaged or hostile file can make a C library crash, loop, or ask for any amount of memory. `limited` calls a function
that reads a file in a second process, whose memory the kernel bounds; the caller gets its result, or one line about
what the file did. A file too large to return is read there once for trial, and read again here: what a reader does
depends on nothing but the bytes.

The process is started with the first file and kept for the next ones. It does not import the caller's main module, so
scripts need no `if __name__ == "__main__"`. Where the system cannot bound a process (Windows), the function is called
directly.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from unheard.errors import TableError, UserError
from unheard.ingest.workers import READY, START_LIMIT_S, InternalError, WorkerFailure, limit_memory, run_worker

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

LIMIT_S, BYTES_PER_S = 10.0, 2e6  # of a processor: ten seconds, and one for every two megabytes
BUSY = 6  # times as long may pass, because a busy machine or a slow disk is no fault of a file
MEMORY_BYTES, MEMORY_PER_BYTE = 2 << 30, 20  # 2 GiB, and 20 bytes for every byte of the file
FIX = "write or download it again"
CAN_LIMIT = sys.platform != "win32"
SIGXCPU = getattr(signal, "SIGXCPU", 0)


def limited(
    function: Callable[[Path, *Arguments], Result], path: Path, *arguments: *Arguments, limit_s: float | None = None
) -> Result:
    """Return `function(path, *arguments)`, called in the process; the function and all values must pickle.

    Raise the UserError that it raises; TableError if it raises another exception, ends the process, computes for
    longer than `limit_s` (`LIMIT_S`) and a second for every two megabytes, or needs more than 2 GiB and 20 times the
    file.
    """
    if not CAN_LIMIT or multiprocessing.current_process().daemon:  # a worker is such a process already
        return function(path, *arguments)
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0
    limit_s = (LIMIT_S if limit_s is None else limit_s) + size / BYTES_PER_S
    memory_bytes = MEMORY_BYTES + MEMORY_PER_BYTE * size
    with _lock:
        outcome = _process().call((function, path, arguments, limit_s, memory_bytes, _folder()), limit_s)
    if isinstance(outcome, UserError):
        raise outcome
    if isinstance(outcome, WorkerFailure | InternalError):
        raise TableError(path, f"cannot be read ({outcome.detail.partition(';')[0]})", FIX)
    result: Result = outcome
    return result


def _folder() -> str:
    """Return the present folder, below which relative paths are; "" if it was removed."""
    with suppress(OSError):
        return os.getcwd()  # noqa: PTH109 - a text
    return ""


class _Process:
    """The process and the pipe to it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._pipe, theirs = multiprocessing.Pipe()
        package = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
        command = f"from unheard.ingest.limited import serve; serve({theirs.fileno()})"
        self._process = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", command],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )
        theirs.close()
        self._ready = False

    @property
    def is_usable(self) -> bool:
        return self.pid == os.getpid() and self._process.poll() is None and not self._pipe.closed

    def call(self, arguments: tuple[Any, ...], limit_s: float) -> Any:
        """Return what a call returns, or what became of it; the process is killed if it is not done in time."""
        if not self._ready:
            if not self._pipe.poll(START_LIMIT_S) or not _is_ready(self._pipe):
                self.stop()
                raise UserError("the process that reads files does not start; run `unheard doctor`")
            self._ready = True
        try:
            self._pipe.send(arguments)
            if self._pipe.poll(BUSY * limit_s):
                return self._pipe.recv()
        except (EOFError, OSError):
            self.stop()
            if (code := self._process.returncode) != -SIGXCPU:
                return WorkerFailure.ended("reading it", code)
        except BaseException:  # Ctrl-C: the answer that is still to come belongs to no later file
            self.stop()
            raise
        else:
            self.stop()
        return WorkerFailure.late("reading", limit_s)

    def stop(self) -> None:
        """Kill the process, whatever it does."""
        self._pipe.close()
        if self.pid == os.getpid():
            self._process.kill()
            self._process.wait()


def _is_ready(pipe: connection.Connection) -> bool:
    try:
        return bool(pipe.recv() == READY)
    except (EOFError, OSError):
        return False


_lock = threading.Lock()
_current: _Process | None = None


def _process() -> _Process:
    global _current  # noqa: PLW0603 - one process for the program, started when it is first needed
    if _current is None or not _current.is_usable:
        if _current is None:
            atexit.register(stop)
        _current = _Process()
    return _current


def stop() -> None:
    """End the process, if there is one; the next file starts another."""
    if _current is not None and not _current._pipe.closed:
        _current.stop()


def serve(descriptor: int) -> None:
    """Run in the process: call functions until the other end of the pipe is closed."""
    multiprocessing.current_process()._config["daemon"] = True  # type: ignore[attr-defined]
    run_worker(connection.Connection(descriptor), _bounded)


def _bounded(
    function: Callable[..., Any],
    path: Path,
    arguments: tuple[Any, ...],
    limit_s: float,
    memory_bytes: int,
    folder: str,
) -> Any:
    """Call a function in a folder, within its limits; return its result, or the UserError that it raises."""
    if folder:
        os.chdir(folder)
    limit_memory(memory_bytes)
    _limit_processor_time(limit_s)
    try:
        return function(path, *arguments)
    except UserError as error:
        return error
    finally:
        limit_memory(None)


def _limit_processor_time(seconds: float) -> None:
    """End this process (SIGXCPU) once it has computed for so long, to the next second."""
    import resource

    with suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))
