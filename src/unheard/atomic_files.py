"""Write files atomically, beside their place and renamed to it, and JSON with a checksum.

An error of the disk is a UserError that names the file. Does not import numpy, which would cost every command 50 ms.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unheard.checksums import crc_of_file, id_of, seal, unseal
from unheard.errors import UserError
from unheard.system_errors import explain_write, is_of_disk
from unheard.temporaries import temporary_beside


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` on success, delete it on an exception.

    mode  permissions of the file, of which the umask takes some away
    """
    with temporary_beside(path) as temporary:
        with _write_errors(path, OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.touch(mode)
            mode = temporary.stat().st_mode  # follows the umask; safetensors' files are for their owner only
        with _write_errors(path, Exception):
            yield temporary
        with _write_errors(path, OSError):
            temporary.chmod(mode)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, renamed to it on success and deleted on an exception.

    An empty folder of that name is replaced; UserError if the disk does not take the files.
    """
    target = Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links
    with temporary_beside(target) as temporary:
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if target.exists():
                target.rmdir()
            temporary.rename(target)
        except OSError as error:
            raise explain_write(error, target) or error from error


@contextmanager
def _write_errors(path: Path, kinds: type[Exception]) -> Iterator[None]:
    """Turn an error of the disk into a UserError that names `path`, not the temporary file."""
    try:
        yield
    except kinds as error:
        explained = None if isinstance(error, UserError) else explain_write(error, path)
        if explained is None or (kinds is Exception and not is_of_disk(error)):
            raise
        raise explained from error


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write UTF-8 with LF line ends, atomically; `mode` as in `atomic_path`."""
    with atomic_path(path, mode=mode) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Append UTF-8 lines durably, in one write, so that lines of two processes do not mix; OSError if that fails.

    A last line that a power cut or a full disk has cut is ended first, so that it spoils no other.
    """
    text = "".join(f"{line}\n" for line in lines)
    with path.open("ab+") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        is_cut = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * is_cut + text.encode())
        file.flush()
        os.fsync(file.fileno())


def write_json(path: Path, value: object, *, indent: int | None = None, sealed: bool = True, mode: int = 0o666) -> None:
    """Write JSON atomically; raise ValueError for NaN, which other programs cannot read.

    sealed  an object begins with its checksum (checksums.py); False for files that other programs read
    mode    as in `atomic_path`
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False) + "\n"
    write_text(path, seal(text, path) if sealed else text, mode=mode)


def write_json_rows(path: Path, rows: Sequence[object], *, indent: int | None = None) -> None:
    """Write a JSON list as `write_json` does, and its CRC-32 in `<name>.crc32`, because a list has no room for it."""
    sums = path.with_name(f"{path.name}.crc32")
    sums.unlink(missing_ok=True)  # a kill leaves the list without a checksum, and not with that of another list
    write_json(path, rows, indent=indent)
    write_text(sums, f"{crc_of_file(path):08x} {id_of(path)}\n")


def read_json_rows(path: Path) -> Any:
    """Return a JSON list; raise OSError or ValueError if it cannot be read or is other than its checksum."""
    sums = path.with_name(f"{path.name}.crc32")
    expected = f"{crc_of_file(path):08x} {id_of(path)}".strip()
    if sums.is_file() and sums.read_text(encoding="ascii", errors="replace").strip() != expected:
        raise ValueError(f"its content does not match {sums.name}, or is of another workspace")
    return unseal(path.read_text(encoding="utf-8"), path)


def read_json(path: Path, *, format: str, version: int) -> dict[str, Any]:  # noqa: A002 - the key in the file
    """Return a JSON object that names its format and version.

    Raise OSError for a file that cannot be read, ValueError for other content.
    """
    values = unseal(path.read_text(encoding="utf-8"), path)
    if not isinstance(values, dict) or values.get("format") != format:
        raise ValueError(f"expected a JSON object of the format {format!r}")
    if values.get("version") != version:
        raise ValueError(f"version {values.get('version')}, expected {version}; update unheard")
    return values
