"""Read a job's output: lines for people, and between them lines of JSON with its progress.

A job writes to a file and not to a pipe, so it continues when the server ends. The lines of progress are those that
`unheard` writes with UNHEARD_PROGRESS=json: {"progress": "training", "done": 3, "total": 10}.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unheard.serve.jobs.record import Progress

TAIL_BYTES = 200_000
MAX_MESSAGE_CHARS = 500
MAX_COUNT = 10**15  # of steps


@dataclass
class LogReader:
    """Reads a growing file incrementally."""

    path: Path
    clock: Callable[[], float] = time.monotonic
    progress: Progress | None = None
    message: str = ""
    _offset: int = 0
    _rest: bytes = b""
    _step_began: tuple[str, float, int] = field(default=("", 0.0, 0))

    def read(self) -> bool:
        """Read what was written since the last call; return whether there was anything."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:
            return False
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            self._take(line)
        return bool(new)

    def _take(self, line: bytes) -> None:
        found = progress_of(line)
        if found is None:
            text = line.decode("utf-8", "replace").strip()
            self.message = text[:MAX_MESSAGE_CHARS] or self.message
            return
        what, done, total = found
        now = self.clock()
        if what != self._step_began[0] or done < self._step_began[2]:
            self._step_began = (what, now, done)
        _, began, first = self._step_began
        pace = (done - first) / (now - began) if now > began else 0.0  # per second
        left = max(0, total - done)
        self.progress = Progress(what=what, done=done, total=total, eta_s=left / pace if pace > 0 else None)


def progress_of(line: bytes) -> tuple[str, int, int] | None:
    """Return (what, done, total) of a line of progress; None for any other line."""
    if not line.startswith(b'{"progress"'):
        return None
    try:
        values = json.loads(line)
        what, done, total = values["progress"], values["done"], values["total"]
    except (ValueError, KeyError, RecursionError):  # a name in a line for people may begin as one of progress does
        return None
    counts = isinstance(done, int) and isinstance(total, int) and 0 <= done <= MAX_COUNT and 0 <= total <= MAX_COUNT
    return (str(what), done, total) if counts else None


def text_for_people(path: Path) -> str:
    """Return the end of an output without its lines of progress."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            tail = file.read()
    except OSError:
        return ""
    return "\n".join(line.decode("utf-8", "replace") for line in tail.split(b"\n") if progress_of(line) is None)
