"""A lock among processes: a file that one of them holds, and that the system releases when it ends.

SQLite locks the file in the same way on every system, also against other threads of this process. The file stays: if
it were deleted, two processes could hold locks of two files of the same name.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from unheard.errors import LockedError


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Claim a lock; yield False if somebody else holds it. The folder must exist."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("PRAGMA journal_mode = MEMORY")  # no journal file
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            if not os.access(path, os.W_OK):
                raise
            yield False
        else:
            yield True


@contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold a lock; LockedError if another process does `what` at this moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with claimed(path) as is_ours:
        if not is_ours:
            raise LockedError(f"another process {what} this workspace at this moment; run the command again later")
        yield
