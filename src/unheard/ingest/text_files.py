"""Look at the beginning of text files that may be compressed."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unheard.regular_files import is_regular

OPENERS: dict[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open}
MAX_LINE = 1_000_000  # bytes
TSV = (".tsv", ".tsv.bz2", ".tsv.gz")


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
