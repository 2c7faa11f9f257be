"""Name temporary files and folders after the process that makes them, and remove those that a killed process has left.

    <folder>/.<name>.<host>.<process>-<token>.partial     beside the file that it becomes
    <temporary folder>/unheard-<what>.<host>.<process>-<token>

Files of earlier versions have no host in their name. What a process of another machine makes is left alone for a day,
because only that machine knows whether the process lives.
"""

from __future__ import annotations

import glob
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOST = f"{zlib.crc32(platform.node().encode()) & 0xFFFFFF:06x}"
OWNER = re.compile(r"\.(?:(?P<host>[0-9a-f]{6})\.)?(?P<process>\d{1,10})(?:-[0-9a-f]{8})?(?:\.partial)?$")
FOREIGN_S = 86_400.0
_in_use: set[str] = set()  # names; in a container, a killed process may have had the number of this one


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Yield a path in the folder of `path` that no other writer uses; what is there at the end is removed.

    What killed processes have left of the same file is removed too, because it may be outside of a workspace.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        if _is_left(left):  # of a killed process that wrote the same file
            _remove(left)
    temporary = path.with_name(f".{path.name}.{_owner()}.partial")
    with _of_this_process(temporary):
        yield temporary


@contextmanager
def scratch_folder(what: str = "scratch") -> Iterator[Path]:
    """Yield a folder for temporary files that only this user may read; it is removed at the end.

    Folders of the same name that killed processes have left are removed first: not every command takes a lock.
    """
    for left in Path(tempfile.gettempdir()).glob(f"unheard-{what}.*"):
        if _is_left(left):
            _remove(left)
    folder = Path(tempfile.gettempdir()) / f"unheard-{what}.{_owner()}"
    with _of_this_process(folder):
        folder.mkdir(mode=0o700)
        yield folder


@contextmanager
def _of_this_process(path: Path) -> Iterator[None]:
    _in_use.add(path.name)
    try:
        yield
    finally:
        _remove(path)
        _in_use.discard(path.name)


def remove_leftovers(root: Path) -> list[Path]:
    """Remove the temporary files below `root`, and the scratch folders of this machine, of processes that have ended.

    Return what was removed. What cannot be removed is left.
    """
    found = [
        *(path for path in root.rglob(".*.partial") if not path.is_symlink()),
        *Path(tempfile.gettempdir()).glob("unheard-*"),
    ]
    left = [path for path in found if _is_left(path)]
    for path in left:
        _remove(path)
    return [path for path in left if not path.exists()]


def _owner() -> str:
    return f"{HOST}.{os.getpid()}-{secrets.token_hex(4)}"


def _is_left(path: Path) -> bool:
    named = OWNER.search(path.name)
    if named is None or path.name in _in_use:
        return False
    process = int(named["process"])
    if os.name == "posix" and named["host"] in {HOST, None}:
        return process == os.getpid() or not _lives(process)
    try:
        return time.time() - path.stat().st_mtime > FOREIGN_S
    except OSError:
        return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Return whether a process was killed and its parent has not asked for it yet; nobody may ever, in a container."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # not Linux, or it has ended since
        return False
    return state[:1] == ["Z"]


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
