"""Let one writer at a time change the small files of a workspace, among threads and processes.

The lock is one on the file W/.lock (flock(2)), which ends with its process, whatever ends that. Where there are no such
locks (Windows), threads of one process alone are kept apart, so a workspace has one server there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


@dataclass
class _Holder:
    """The thread that writes to a workspace, and how many blocks deep it is."""

    thread: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0


_holders: dict[Path, _Holder] = {}
_adding = threading.Lock()


@contextmanager
def one_writer(root: Path) -> Iterator[None]:
    """Wait until no other thread or process changes the files of a workspace in such a block; blocks may be nested."""
    with _adding:
        holder = _holders.setdefault(root.absolute(), _Holder())
    with holder.thread, ExitStack() as stack:
        if not holder.depth:
            with suppress(OSError):  # a folder that cannot be written: so does the block find
                file = stack.enter_context((root / ".lock").open("a"))
                lock(file)
        holder.depth += 1
        try:
            yield
        finally:
            holder.depth -= 1


def lock(file: IO[str], *, wait: bool = True) -> bool:
    """Lock an open file until it is closed; return whether it is locked, without `wait` at once.

    Where there are no such locks, every file counts as locked.
    """
    if not HAS_LOCKS:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
