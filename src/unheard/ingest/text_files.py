"""Look at the beginning of text files that may be compressed, and read lines of bounded length."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open}
MAX_LINE = 1_000_000  # bytes
TSV = (".tsv", ".tsv.bz2", ".tsv.gz")


def first_fields(path: Path) -> list[str]:
    """Return the fields of the first line of a table that is separated by tabs; none by the name of another file."""
    return first_line(path).split("\t") if path.name.lower().endswith(TSV) else []


def first_line(path: Path) -> str:
    """Return the first line of a file without its end; empty if it is no UTF-8 text."""
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            return bytes(file.readline(MAX_LINE)).decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError):
        return ""


def bounded_lines(file: IO[bytes], *, limit: int = MAX_LINE) -> Iterator[bytes | None]:
    """Yield the lines of a file; None in place of one of more than `limit` bytes, which is passed over in pieces."""
    while line := file.readline(limit):
        if len(line) < limit or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(limit)) and not rest.endswith(b"\n"):
            pass
        yield None
