"""Read text files without trust in their size: first lines, lines of bounded length, whole files of some size."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from unheard.errors import TableError
from unheard.regular_files import is_regular

OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open}
MAX_LINE = 1_000_000  # characters of a line; a longer one is no row of a table
MAX_LIST_BYTES = 50_000_000  # of a list of paths: half a million entries
MAX_EXPORT_BYTES = 500_000_000  # of JSON or XML, which takes some times its size when it is parsed
TSV = (".tsv", ".tsv.bz2", ".tsv.gz")


def bounded_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield the lines of an open file. TableError for one of more than `MAX_LINE` characters."""
    number = 0
    while line := file.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            problem = f"a line of {MAX_LINE:,} characters or more"
            raise TableError(path, problem, "end each row with a line break", row=number)
        yield line


def read_whole(path: Path, most: int) -> bytes:
    """Return the content of a file. TableError if it has more than `most` bytes, OSError if it cannot be read."""
    if (size := path.stat().st_size) > most:
        raise TableError(path, f"{size:,} bytes, expected at most {most:,}", "split it, or name another file")
    return path.read_bytes()


def beginning(path: Path, n_bytes: int) -> bytes:
    """Return the first bytes of a file; none if it cannot be read, or is a pipe or a device."""
    if not is_regular(path):
        return b""
    try:
        with path.open("rb") as file:
            return file.read(n_bytes)
    except OSError:
        return b""


def first_fields(path: Path) -> list[str]:
    """Return the fields of the first line of a table that is separated by tabs; none by the name of another file."""
    return first_line(path).split("\t") if path.name.lower().endswith(TSV) else []


def first_line(path: Path) -> str:
    """Return the first line of a file without its end; empty if it is no UTF-8 text."""
    if not is_regular(path):
        return ""
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            return bytes(file.readline(MAX_LINE)).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError):
        return ""


def lines_with_gaps(file: IO[bytes], *, limit: int = MAX_LINE) -> Iterator[bytes | None]:
    """Yield the lines of a file; None in place of one of more than `limit` bytes, which is passed over in pieces."""
    while line := file.readline(limit):
        if len(line) < limit or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(limit)) and not rest.endswith(b"\n"):
            pass
        yield None
