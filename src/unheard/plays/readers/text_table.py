"""Read text tables as spreadsheets and services write them: find encoding, delimiter and header, and yield the rows.

The delimiter is a comma, semicolon, tab or bar, whichever divides the header into most columns, or the one that Excel's
first line `sep=;` names. Names of columns are compared as lower-case words joined by `_`. One bad row (an unclosed
quote, bytes that are not UTF-8) does not hide the rows after it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.text_files import bounded_lines

DELIMITERS = ",;\t|"
MAX_QUOTED_LINES = 100  # of one record: a quote that stays open longer is a stray one
OPEN = "not CSV (unexpected end of data)"
Line = tuple[int, list[str], str]  # last line of a record, its fields, what is wrong with it (empty if nothing)


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    encoding   utf-8-sig, utf-16 or utf-16-le
    header     names of the columns as in the file
    line       number of the line in which the header ends
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    line: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns as words joined by `_`."""
        return tuple(map(plain_name, self.header))

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma in a number is certainly decimal."""
        return self.delimiter == ";"


def plain_name(name: str) -> str:
    """Return a column name for comparison: "Artist Name(s)" is artist_name_s."""
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")


def read_dialect(path: Path) -> Dialect:
    """Return how a table is written. TableError if it is empty or cannot be read."""
    with _opened(path, encoding := encoding_of(path)) as file:
        first, header_line = "", 0
        for line in file:
            header_line += 1
            first = line.lstrip("\ufeff").strip("\r\n\0")
            if first.strip():
                break
        delimiter = ""
        if separator := re.fullmatch(r'"?sep=(.)"?[,;\s]*', first, re.IGNORECASE):
            delimiter, first = separator[1], ""
        lines = chain([first + "\n"] if first else [], file)
        offset = header_line - 1 if first else header_line
        delimiter = delimiter or max(DELIMITERS, key=lambda one: len(_fields(first, one)))
        number, fields, _ = next(records_of(lines, delimiter), (0, [], ""))
    if not any(field.strip() for field in fields):
        raise TableError(path, "the file is empty", "write a header line and rows")
    return Dialect(encoding, delimiter, tuple(field.strip() for field in fields), offset + number)


def table_lines(path: Path, dialect: Dialect) -> Iterator[Line]:
    """Yield the records below the header that are not blank lines."""
    with _opened(path, dialect.encoding) as file:
        for _ in range(dialect.line):
            next(file, "")
        for number, fields, problem in records_of(file, dialect.delimiter):
            if not problem and not _is_text(fields):
                problem = "not UTF-8"
            yield dialect.line + number, fields, problem


def encoding_of(path: Path) -> str:
    """Return utf-16 if the file begins as such, else utf-8-sig. TableError if it cannot be read."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return "utf-16-le" if len(start) == 4 and start[1] == start[3] == 0 != start[0] else "utf-8-sig"


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[Iterator[str]]:
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    try:
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield bounded_lines(path, file)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    except UnicodeError:
        raise TableError(path, "not text", "save the file as UTF-8") from None


def records_of(lines: Iterable[str], delimiter: str) -> Iterator[Line]:
    """Yield every record of some lines that is not blank; a record with quoted line breaks has several lines."""
    pending: list[tuple[int, str]] = []
    source = enumerate(lines, start=1)
    while True:
        number, line = pending.pop(0) if pending else next(source, (0, ""))
        if not number:
            return
        if not line.strip("\r\n"):
            continue
        if '"' not in line:
            yield number, line.rstrip("\r\n").split(delimiter), ""
            continue
        taken = [(number, line)]
        fields, problem = _parse([line], delimiter)
        while problem == OPEN and len(taken) < MAX_QUOTED_LINES:
            following = pending.pop(0) if pending else next(source, None)
            if following is None:
                break
            taken.append(following)
            if '"' in following[1]:
                fields, problem = _parse([text for _, text in taken], delimiter)
        if problem:
            taken, pending = taken[:1], taken[1:] + pending
        yield taken[-1][0], fields, problem


def _parse(lines: list[str], delimiter: str) -> tuple[list[str], str]:
    """Return the fields of one record, or what is wrong with it."""
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        return [], f"not CSV ({error})"
    return (rows[0] if rows else []), ("" if len(rows) <= 1 else "not CSV (a quote that is not closed)")


def _fields(line: str, delimiter: str) -> list[str]:
    return _parse([line], delimiter)[0]


def _is_text(fields: list[str]) -> bool:
    text = "".join(fields)
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
