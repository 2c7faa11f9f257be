"""Explain errors of SQLite, of the operating system and of libraries that write files, in one line with advice.

A full disk has many signs: an OSError, a full database of SQLite, its I/O error or a file that it cannot open, a text
of safetensors or pyarrow. The message is the same for all, and names the disk and the folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from unheard.errors import DiskError, LockedError, UserError

FULL = {errno.ENOSPC, errno.EDQUOT}
SHORT_OF = 1 << 16  # bytes; SQLite cannot open a database with less free space than this
WORDS = {  # of libraries that keep no errno
    errno.ENOSPC: ("os error 28", "No space left on device"),
    errno.EDQUOT: ("os error 122", "Disk quota exceeded"),
    errno.EFBIG: ("os error 27", "File too large"),
    errno.EROFS: ("os error 30", "Read-only file system"),
}
KEPT = "what is stored is kept"

# Advice for an error of SQLite, by its primary result code (https://sqlite.org/rescode.html).
_WAIT = "another process writes to it; wait until it has finished, or end it, and try again"
_ALLOW = "its folder and files have to be writable for this user"
_RESTORE = "restore it from a copy, or scan into a new workspace"
ADVICE = {
    sqlite3.SQLITE_BUSY: _WAIT,
    sqlite3.SQLITE_LOCKED: _WAIT,
    sqlite3.SQLITE_PERM: _ALLOW,
    sqlite3.SQLITE_READONLY: _ALLOW,
    sqlite3.SQLITE_CANTOPEN: _ALLOW,
    sqlite3.SQLITE_IOERR: "check the disk that it is on and try again",
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_ERROR: _RESTORE,  # a missing table or column: the file is from another program or version
}


def explain_sqlite(error: sqlite3.Error, path: Path | str) -> UserError | None:
    """Return an error of SQLite as a message with advice; None for a bug of unheard, such as a violated constraint."""
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else None  # without the extension
    advice = ADVICE.get(code) if code is not None else None
    if code == sqlite3.SQLITE_FULL:
        return _full(Path(path))
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and is_full(Path(path)):
        return _full(Path(path))
    if code == sqlite3.SQLITE_IOERR and _sizes_are_limited():
        return _too_large(Path(path))
    if advice is None:
        return None
    kind = LockedError if advice is _WAIT else UserError
    return kind(f"{path}: {error}; {advice}")


def explain_write(error: BaseException, path: Path) -> UserError | None:
    """Return what prevented a write to `path`, as a message with advice; None if the disk is not the reason."""
    code = _errno(error)
    if code in FULL:
        return _full(path)
    if code == errno.EFBIG:
        return _too_large(path)
    if code == errno.EROFS:
        folder = _existing(path)
        return DiskError(
            f"{path}: the disk of {folder} ({_disk(folder)}) is read-only; mount it for writing, or name another folder"
        )
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return UserError(f"{path}: cannot be written ({reason}); make its folder writable, or name another file")
    return None


def is_of_disk(error: Exception) -> bool:
    """Return whether a full or read-only disk, or a limit of file sizes, is the cause."""
    return _errno(error) in {*FULL, errno.EFBIG, errno.EROFS}


def is_full(path: Path) -> bool:
    """Return whether there is no space left for a file at `path`."""
    try:
        return shutil.disk_usage(_existing(path)).free < SHORT_OF
    except OSError:
        return False


def full_disk(error: OSError, folders: list[Path]) -> UserError | None:
    """Return the message for a full disk, if `error` is about one: the first of `folders` that is on a full disk.

    None if no folder is named and none is full: output goes elsewhere.
    """
    if error.errno not in FULL:
        return None
    named = [Path(os.fsdecode(error.filename))] if isinstance(error.filename, str | bytes) else []
    found = next((folder for folder in [*named, *folders] if is_full(folder)), None)
    return _full(found or named[0]) if found or named else None


def _full(path: Path) -> DiskError:
    folder = _existing(path)
    what = "" if folder == path else f"{path}: "
    return DiskError(
        f"{what}the disk of {folder} ({_disk(folder)}) is full; make room and run the same command again; {KEPT}"
    )


def _too_large(path: Path) -> DiskError:
    advice = "raise the limit (ulimit -f), or use another file system, and run the same command again"
    return DiskError(f"{path}: larger than this process or file system may write; {advice}; {KEPT}")


def _sizes_are_limited() -> bool:
    """Return whether this process may not write files of any size."""
    try:
        import resource
    except ImportError:  # on Windows
        return False
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def _existing(path: Path) -> Path:
    """Return the folder of a path: the nearest that exists."""
    path = path.absolute()
    return next((one for one in (path, *path.parents) if one.is_dir()), path)


def _disk(folder: Path) -> str:
    """Return where the disk of a folder is mounted."""
    return str(next((one for one in (folder, *folder.parents) if os.path.ismount(one)), folder.anchor))


def _errno(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    return next((code for code, words in WORDS.items() if any(word in str(error) for word in words)), None)
