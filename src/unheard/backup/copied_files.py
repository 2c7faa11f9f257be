"""Read the files of a workspace so that they belong together, while other commands write to it.

The copy is what a workspace would be whose commands were killed at some moment, from which every command goes on:

- What later stages make is read before what they are made from. So a model in the copy may be older than its factors,
  as after `unheard factors`, and never newer.
- The files of a folder are opened together, and again if one was replaced meanwhile. Files are replaced by renames, so
  an open file keeps its content.
- The library is copied by SQLite. Spectrograms are read after it, each shard as far as its index goes; no one changes
  those frames any more.
- Files to which lines are appended are read up to their size at the moment of opening.
"""

from __future__ import annotations

import io
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from unheard.errors import UserError
from unheard.spectrograms.shards import Shard
from unheard.spectrograms.store import ENCODINGS
from unheard.system_errors import explain_sqlite
from unheard.temporaries import scratch_folder
from unheard.workspace import Workspace

LAST = (
    "models",
    "factors",
    "splits.json",
    "plays",
    "features",
    "library.sqlite",
    "mels",
)  # in this order, after others
LEFT_OUT = {
    *("library.sqlite-wal", "library.sqlite-shm", "library.sqlite-journal"),
    *("locks", ".lock", "serve.lock"),
    *("indexes", "snapshots"),  # caches, which the server or `unheard index` makes again
    *("jobs", "cookie.secret"),  # commands and browsers of a server, which belong to its machine
}
DOWNLOADS = "sync/audio"  # music, which `unheard sync` downloads again
ATTEMPTS = 20


@dataclass(frozen=True)
class CopiedFile:
    """One file of a copy: its path in the workspace, its content and size in bytes, its permissions and time."""

    name: str
    content: BinaryIO
    size: int
    mode: int
    mtime: float


def files_to_copy(workspace: Workspace, *, spectrograms: bool) -> Iterator[CopiedFile]:
    """Yield every file of a workspace, each to be read before the next; links are followed, locks left out.

    UserError if a folder changes faster than it can be opened, or if the library is damaged.
    """
    names = {path.name for path in workspace.root.iterdir()} - LEFT_OUT
    first = sorted(name for name in names - set(LAST) if not _is_temporary(name))
    yield from _group(workspace.root, [name for name in first if (workspace.root / name).is_file()])
    for name in [*first, *LAST]:
        path = workspace.root / name
        if name == "library.sqlite":
            yield from _library(path)
        elif name == "mels":
            yield from _spectrograms(workspace) if spectrograms else ()
        elif path.is_dir():
            yield from _folder(workspace.root, name, frozenset())
        elif name in LAST and path.is_file():
            yield from _group(workspace.root, [name])


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".partial")


def _folder(root: Path, name: str, above: frozenset[str]) -> Iterator[CopiedFile]:
    """Yield the files of a folder and of those below it, but for music; a link to a folder above is passed over."""
    real = os.path.realpath(root / name)
    if real in above or name == DOWNLOADS:
        return
    yield from _group(root, None, name)
    for path in sorted((root / name).iterdir()):
        if path.is_dir() and not _is_temporary(path.name):
            yield from _folder(root, f"{name}/{path.name}", above | {real})


def _group(root: Path, names: list[str] | None, folder: str = "") -> Iterator[CopiedFile]:
    """Yield files that are opened together: those of a folder, or the named ones."""
    for _ in range(ATTEMPTS):
        with ExitStack() as stack:
            listed = [f"{folder}/{path.name}" for path in _files(root / folder)] if names is None else names
            try:
                opened = {name: stack.enter_context((root / name).open("rb")) for name in listed}
                before = {name: _version(os.fstat(file.fileno())) for name, file in opened.items()}
                now = {name: _version((root / name).stat()) for name in opened}
            except FileNotFoundError:  # replaced or removed in the meantime
                continue
            if now != before or (names is None and len(_files(root / folder)) != len(listed)):
                continue
            for name, file in opened.items():
                status = os.fstat(file.fileno())
                yield CopiedFile(name, file, status.st_size, stat.S_IMODE(status.st_mode), status.st_mtime)
            return
    raise UserError(f"{root / folder}: changes all the time; copy it when no other command writes to the workspace")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not _is_temporary(path.name))


def _version(status: os.stat_result) -> tuple[int, int]:
    """Return what another file of the same name does not share; a file that has grown is the same."""
    return status.st_dev, status.st_ino


def _library(path: Path) -> Iterator[CopiedFile]:
    if not path.is_file():
        return
    with scratch_folder("backup") as folder:
        copied = folder / path.name
        try:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copied)) as target:
                source.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log
        except sqlite3.Error as error:
            raise explain_sqlite(error, path) or error from error
        status = path.stat()
        with copied.open("rb") as file:
            yield CopiedFile(path.name, file, copied.stat().st_size, stat.S_IMODE(status.st_mode), status.st_mtime)


def _spectrograms(workspace: Workspace) -> Iterator[CopiedFile]:
    """Yield each shard's index and frames; a shard that is compacted away meanwhile has moved to a later one."""
    folder = workspace.mels_path
    frame_bytes = workspace.settings.n_mels * ENCODINGS[workspace.settings.front_end].dtype.itemsize
    number = 0
    while (shard := _next_shard(folder, number)) is not None:
        number = shard.number + 1
        try:
            with shard.frames_path.open("rb") as frames, shard.index_path.open("rb") as opened:
                status = os.fstat(opened.fileno())
                index, n_frames = shard.complete(opened.read())
                n_bytes = min(n_frames * frame_bytes, os.fstat(frames.fileno()).st_size)  # fewer in a damaged store
                about = stat.S_IMODE(status.st_mode), status.st_mtime
                yield CopiedFile(f"mels/{shard.index_path.name}", io.BytesIO(index), len(index), *about)
                yield CopiedFile(f"mels/{shard.frames_path.name}", frames, n_bytes, *about)
        except FileNotFoundError:  # compacted away
            continue


def _next_shard(folder: Path, number: int) -> Shard | None:
    numbers = sorted(int(path.stem) for path in folder.glob("*.index") if path.stem.isdigit())
    return next((Shard(folder, one) for one in numbers if one >= number), None)
