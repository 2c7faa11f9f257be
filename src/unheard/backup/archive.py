"""Write copies of a workspace, read them back, and restore them: a .tar.zst file or a folder, with hashes of all files.

    <copy>/backup.json    {"format": "unheard backup", "version": 1, "unheard": ..., "at": ..., "spectrograms": true,
                           "files": {path: [size, sha256]}}; in a file it is the last member
    <copy>/...            the files of the workspace (copied_files.py)

A copy appears under its name when it is complete. A restored workspace does too, after every hash was compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from unheard import __version__
from unheard.atomic_files import atomic_path, new_folder
from unheard.backup.copied_files import LEFT_OUT, CopiedFile, files_to_copy
from unheard.errors import UserError
from unheard.progress import Progress, silent
from unheard.system_errors import is_of_disk
from unheard.workspace import Workspace

MANIFEST, FORMAT, VERSION = "backup.json", "unheard backup", 1
SUFFIX = ".tar.zst"
OF_OWNER = frozenset({"keys.json", "study.json"})  # keys, and the links of raters
BLOCK = 1 << 20
MAX_MANIFEST = 1 << 30  # bytes
Hashed = tuple[int, str]  # size, sha256
# What reading anything else raises.
NOT_A_COPY = (
    *(tarfile.TarError, pa.ArrowException, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError),
)


@dataclass(frozen=True)
class Copied:
    """A copy of a workspace: what it holds, when it was made, and the size and hash of each file."""

    path: Path
    at: str
    spectrograms: bool
    files: dict[str, Hashed]

    @property
    def n_bytes(self) -> int:
        return sum(size for size, _ in self.files.values())


def back_up(
    workspace: Workspace, out: Path, *, spectrograms: bool = True, verify: bool = False, progress: Progress = silent
) -> Copied:
    """Copy a workspace to `out`: a file that ends in .tar.zst, else a new folder.

    spectrograms  False: leave out mels/, which `unheard scan` makes again from the audio
    verify        read the copy back and compare every hash

    A file of that name is replaced, once the new copy is complete and verified. UserError if the folder is not empty,
    if `out` is inside the workspace, or if the copy does not hold what was written.
    """
    if out.resolve().is_relative_to(workspace.root.resolve()):
        raise UserError(f"{out}: is inside the workspace; name a file or folder elsewhere, on another disk if possible")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    files: dict[str, Hashed] = {}

    def verified(written: Path) -> None:
        damaged = UserError(f"{out}: what was written is damaged; check its disk and make the copy again")
        try:
            found = check(written, progress=progress) if verify else None
        except UserError as error:
            raise damaged from error
        if found is not None and found.files != files:
            raise damaged

    with _writing(out, verified) as write:
        for member in files_to_copy(workspace, spectrograms=spectrograms):
            files[member.name] = write(member)
            progress("copying files", len(files), len(files))
        about = {"format": FORMAT, "version": VERSION, "unheard": __version__, "at": at, "spectrograms": spectrograms}
        text = json.dumps({**about, "files": files}, indent=0).encode()
        write(_member(MANIFEST, text))
    return Copied(out, at, spectrograms, files)


def check(copy: Path, *, progress: Progress = silent) -> Copied:
    """Read a copy to its end; UserError if it is not complete or if a hash differs."""
    return _read(copy, lambda member: _hashed(member, None), progress)


def restore(copy: Path, root: Path, *, progress: Progress = silent) -> Copied:
    """Make the workspace `root`, which must be new or empty, from a copy.

    UserError if the copy is damaged; nothing is at `root` then.
    """
    if root.is_symlink() or (root.exists() and (not root.is_dir() or any(root.iterdir()))):
        raise UserError(f"{root}: expected a new or empty folder to restore into; name another one with -w")
    with new_folder(root) as folder:
        return _read(copy, lambda member: _restored(folder, member), progress)


# ---------------------------------------------------------------------------------------------------------- writing


@contextmanager
def _writing(out: Path, verified: Callable[[Path], None]) -> Iterator[Callable[[CopiedFile], Hashed]]:
    """Yield a function that writes one file of a copy and returns its size and hash.

    The whole copy is given to `verified` before it has its name.
    """
    if not out.name.endswith(SUFFIX):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out}: expected a new or empty folder, or a file that ends in {SUFFIX}")
        with new_folder(out) as folder:
            yield lambda member: _write_file(folder / member.name, member)
            verified(folder)
        return
    with atomic_path(out, mode=0o600) as temporary:
        with (
            pa.CompressedOutputStream(pa.OSFile(str(temporary), "wb"), "zstd") as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            yield lambda member: _add(tar, member)
        verified(temporary)


def _member(name: str, content: bytes) -> CopiedFile:
    import io

    return CopiedFile(name, io.BytesIO(content), len(content), 0o644, datetime.now(UTC).timestamp())


def _add(tar: tarfile.TarFile, member: CopiedFile) -> Hashed:
    about = tarfile.TarInfo(member.name)
    about.size, about.mode, about.mtime = member.size, member.mode, member.mtime
    hashing = _Hashing(member)
    tar.addfile(about, hashing)
    return hashing.result()


class _Hashing:
    """Reads a member and hashes what was read."""

    def __init__(self, member: CopiedFile) -> None:
        self._member, self._sha256, self._size = member, hashlib.sha256(), 0

    def read(self, size: int = BLOCK, /) -> bytes:
        block = self._member.content.read(min(size, self._member.size - self._size))
        self._sha256.update(block)
        self._size += len(block)
        return block

    def result(self) -> Hashed:
        if self._size != self._member.size:
            raise UserError(f"{self._member.name}: became shorter while it was read; run the same command again")
        return self._size, self._sha256.hexdigest()


def _hashed(member: CopiedFile, out: BinaryIO | None) -> Hashed:
    hashing = _Hashing(member)
    while block := hashing.read():
        if out is not None:
            out.write(block)
    return hashing.result()


def _write_file(path: Path, member: CopiedFile) -> Hashed:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        umasked = os.fstat(out.fileno()).st_mode
        of_others = 0 if path.name in OF_OWNER else member.mode & umasked
        os.chmod(path, of_others & 0o777 | 0o600)  # noqa: PTH101 - before anything is in it
        hashed = _hashed(member, out)
        out.flush()
        os.fsync(out.fileno())
    os.utime(path, (member.mtime, member.mtime))
    return hashed


# ---------------------------------------------------------------------------------------------------------- reading


def _read(copy: Path, take: Callable[[CopiedFile], Hashed], progress: Progress) -> Copied:
    """Give every file of a copy to `take`, and compare what it returns with the manifest."""
    found: dict[str, Hashed] = {}
    manifest: bytes | None = None
    try:
        for member in _members_of(copy):
            if manifest is not None or member.name in found or not _is_safe(member.name):
                raise ValueError(f"{member.name!r} does not belong there")
            if member.name == MANIFEST:
                manifest = member.content.read(MAX_MANIFEST)
            else:
                found[member.name] = take(member)
                progress("reading the copy", len(found), len(found))
        if manifest is None:
            raise ValueError(f"it ends before {MANIFEST}")
        values = json.loads(manifest)
        if values.get("format") != FORMAT or values.get("version") != VERSION:
            raise ValueError(f"format {values.get('format')!r}, version {values.get('version')!r}")
        expected = {name: (int(size), str(sha256)) for name, (size, sha256) in values["files"].items()}
        differing = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        if differing:
            raise ValueError(f"{len(differing)} files are missing or differ, such as {differing[0]}")
        return Copied(copy, str(values["at"]), bool(values["spectrograms"]), found)
    except FileNotFoundError as error:
        raise UserError(f"{copy}: no such file or folder; name a copy that `unheard backup` made") from error
    except OSError as error:
        if is_of_disk(error):
            raise
        raise UserError(f"{copy}: cannot be read ({_line(error)}); use another copy") from error
    except NOT_A_COPY as error:
        raise UserError(f"{copy}: not a whole copy of a workspace ({_line(error)}); use another copy") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _restored(folder: Path, member: CopiedFile) -> Hashed:
    """Write a file of a copy; what is of a server, such as jobs in older and hostile copies, is passed over."""
    if PurePosixPath(member.name).parts[0].casefold() in LEFT_OUT:  # some file systems ignore case
        return _hashed(member, None)
    return _write_file(folder / member.name, member)


def _members_of(copy: Path) -> Iterator[CopiedFile]:
    if copy.is_dir():
        yield from _members_of_folder(copy)
        return
    with (
        pa.CompressedInputStream(pa.OSFile(str(copy), "rb"), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        for about in tar:
            content: Any = tar.extractfile(about) if about.isreg() else None
            if content is None:
                raise ValueError(f"{about.name!r} is not a file")
            yield CopiedFile(about.name, content, about.size, about.mode, about.mtime)
        while stream.read(BLOCK):  # to the checksum at the end of the compressed data
            pass


def _members_of_folder(copy: Path) -> Iterator[CopiedFile]:
    """Yield the files of a copy in a folder, the manifest last."""
    paths = sorted(path for path in copy.rglob("*") if path.is_symlink() or not path.is_dir())
    for path in sorted(paths, key=lambda path: path == copy / MANIFEST):
        if path.is_symlink() or not path.is_file():
            raise ValueError(f"{path.name!r} is not a file")
        with path.open("rb") as content:
            status = os.fstat(content.fileno())
            yield CopiedFile(
                path.relative_to(copy).as_posix(), content, status.st_size, status.st_mode, status.st_mtime
            )
