"""The errors that unheard raises on purpose.

    UnheardError                 an error whose message explains it                  exit code 1
    └── UserError                the input or the order of commands is wrong         exit code 2
        ├── TableError           a row of a CSV, parquet or JSON file
        ├── AudioError           one audio file that cannot be used, with a `Reason`
        ├── LockedError          another process does the same work, or writes to the library, at this moment
        ├── DiskError            the disk is full or read-only, or a limit of file sizes is reached
        └── MissingStageError    an earlier command must run first

A message is one line: what is wrong, where, what was expected, what to do.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any


def quoted(path: Path | str) -> str:
    """Return a path as an argument of a command in a message: folders have blanks in their names."""
    return subprocess.list2cmdline([str(path)]) if sys.platform == "win32" else shlex.quote(str(path))


class UnheardError(Exception):
    """An error whose message explains what went wrong."""

    exit_code = 1


class UserError(UnheardError):
    """The input or the order of commands is wrong; the message says how to correct it."""

    exit_code = 2


class TableError(UserError):
    """A table cannot be read; the message names the file, the row (1 = first line of the file) and the fix."""

    def __init__(self, path: Path | str, problem: str, fix: str, *, row: int | None = None) -> None:
        problem = " ".join(problem.splitlines())  # libraries explain themselves at length
        self.path, self.row, self.problem, self.fix = Path(path), row, problem, fix
        where = f"{path}" if row is None else f"{path}, row {row}"
        super().__init__(f"{where}: {problem}; {fix}")

    def __reduce__(self) -> tuple[Any, ...]:  # so that it can be pickled
        return _table_error, (self.path, self.problem, self.fix, self.row)

    def at_row(self, row: int) -> TableError:
        """Return the same error for one row."""
        return TableError(self.path, self.problem, self.fix, row=row)


def _table_error(path: Path, problem: str, fix: str, row: int | None) -> TableError:
    return TableError(path, problem, fix, row=row)


class LockedError(UserError):
    """Another process holds a lock of the workspace, or that of the library for longer than SQLite waits."""


class DiskError(UserError):
    """The disk takes no more, or nothing at all; what is stored is kept."""


class MissingStageError(UserError):
    """The input of a stage does not exist yet; the message names the command that makes it."""

    def __init__(self, what: str, command: str) -> None:
        self.command = command
        super().__init__(f"{what}; run `{command}` first")


class Reason(StrEnum):
    """Why a file was skipped, as listed by `unheard errors`."""

    EMPTY = "empty"
    NOT_AUDIO = "not-audio"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    SILENT = "silent"
    TOO_SHORT = "too-short"
    DUPLICATE = "duplicate"
    MISSING = "missing"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    BAD_VALUES = "bad-values"


class AudioError(UserError):
    """One file (or one track's spectrogram or vector) that cannot be used."""

    def __init__(self, path: Path | str, reason: Reason, detail: str) -> None:
        self.path, self.reason, self.detail = Path(path), reason, detail
        super().__init__(f"{path}: {reason.value}: {detail}")

    def __reduce__(self) -> tuple[type[AudioError], tuple[Path, Reason, str]]:
        return AudioError, (self.path, self.reason, self.detail)  # so that it can be pickled
