"""Locks between processes, each held on a file that the system releases when its holder ends, however it ends.

    W/locks/plays.lock                    while stored plays are changed
    W/locks/splits.lock                   while splits.json is changed
    W/locks/factors.lock                  while `factors` fits and writes
    W/locks/train-<split>-<model>.lock    while a model is trained
    W/locks/go.lock, refresh.lock, sync.lock   while these commands run
    W/locks/listens.lock                  while listens are read from ListenBrainz

SQLite locks files in the same way on every system, also against other threads of this process, and not by forked
processes of the holder. A lock's file is empty; what it holds otherwise is removed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from unheard.errors import LockedError
from unheard.system_errors import explain_sqlite, explain_write
from unheard.temporaries import remove_leftovers

WAIT_S = 60.0
_held = threading.local()  # `paths`: the locks of `one_at_a_time` that this thread holds


@contextmanager
def try_lock(path: Path, *, shared: bool = False, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the lock of a file; yield False if another process or thread holds it for longer than `wait_s`.

    shared  any number of holders of a shared lock at once, but no other holder

    UserError if the file cannot be opened for writing.
    """
    with closing(sqlite3.connect(path, timeout=wait_s, isolation_level=None)) as lock:
        yield _take(lock, path, shared=shared)


def _take(lock: sqlite3.Connection, path: Path, *, shared: bool) -> bool:
    """Take a lock; return False if it is held by another."""
    while True:
        try:
            lock.execute("PRAGMA journal_mode = MEMORY")  # no journal file
            if shared:
                lock.execute("BEGIN")
                lock.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            else:
                lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            explained = explain_sqlite(error, path)
            if isinstance(explained, LockedError):
                return False
            if isinstance(error, sqlite3.OperationalError) or not path.stat().st_size:
                raise explained or error from error
            os.truncate(path, 0)  # the file holds something, such as zeros after a power failure
        else:
            return True


def lock_path(root: Path, name: str) -> Path:
    """Return the file of a lock of the workspace at `root`."""
    return (root / "locks" / f"{name}.lock").absolute()


@contextmanager
def one_at_a_time(root: Path, name: str, doing: str, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold a lock of the workspace at `root`; a thread may take a lock again that it holds.

    name    of the lock
    doing   what the holder does, in words that follow "another process"
    wait_s  how long to wait for another holder

    What killed processes have left is removed first. LockedError if another process holds the lock for longer.
    """
    path = lock_path(root, name)
    held: set[Path] = _held.__dict__.setdefault("paths", set())
    if path in held:
        yield
        return
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise explain_write(error, path) or error from error
    with try_lock(path, wait_s=wait_s) as taken:
        if not taken:
            raise LockedError(
                f"{root}: another process {doing} at this moment; wait until it has finished, or end it, and try again"
            )
        held.add(path)
        try:
            remove_leftovers(root)
            yield
        finally:
            held.discard(path)
