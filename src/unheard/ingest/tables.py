"""Read the rows of a CSV or parquet table as text, with row numbers for error messages.

CSV is UTF-8 (with or without a byte order mark), comma-separated, with a header. Row 1 is the first line of a CSV file
and the first row of a parquet table.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.ingest.limited import limited
from unheard.ingest.spreadsheet_cells import of_cell
from unheard.ingest.text_files import bounded_lines
from unheard.regular_files import check_regular

Row = tuple[int, dict[str, str]]
TABLE_SUFFIXES = frozenset({".csv", ".parquet"})
PARQUET_ROWS = 65_536  # of a batch


def read_rows(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """Yield each row's number and the text of the named columns; absent optional columns are empty.

    Raise TableError for a table that is missing, empty, damaged, without a required column, or with a row of another
    width.
    """
    check_regular(path)
    if not path.is_file():
        raise TableError(path, "no such file", "name an existing .csv or .parquet file")
    rows = _parquet_rows if path.suffix.lower() == ".parquet" else _csv_rows
    n = 0
    for row in rows(path, tuple(required), tuple(optional)):
        n += 1
        yield row
    if not n:
        raise TableError(path, "no rows in it", f"give it at least one row below {','.join(required)}")


def column_names(path: Path) -> list[str]:
    """Return the column names of a table."""
    if path.suffix.lower() == ".parquet":
        return list(open_parquet(path).schema_arrow.names)
    return csv_header(path)[0]


def csv_header(path: Path) -> tuple[list[str], int]:
    """Return the columns of a CSV file and the line in which the header ends; TableError for none or a repeated one."""
    lines = csv_lines(path)
    first = next(lines, (0, []))
    return _header(path, iter([first])), first[0]


def parse_number(path: Path, row: int, column: str, text: str) -> float:
    """Return `text` as a finite number; raise TableError if it is none."""
    try:
        number = float(text)
    except ValueError:
        raise TableError(path, f"{column} is {text!r}", "expected a number", row=row) from None
    if not math.isfinite(number):
        raise TableError(path, f"{column} is {text}", "expected a finite number", row=row)
    return number


def open_parquet(path: Path) -> Any:
    """Return a pyarrow ParquetFile, whose columns are not checked yet; raise TableError if the file is none."""
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        if path.stat().st_size == 0:
            raise TableError(path, "the file is empty", "write it again")
        limited(_try_parquet, path)
        return pq.ParquetFile(path)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror or first_line(error)})", "check the file") from error


def check_parquet(
    path: Path, columns: Sequence[str], *, dictionary: Sequence[str] = (), rows: int = PARQUET_ROWS
) -> None:
    """Read columns for trial, in a process that may fail (limited.py); raise TableError if they are damaged.

    dictionary  columns that are read as dictionaries
    rows        of a batch
    """
    limited(_try_parquet, path, tuple(columns), tuple(dictionary), rows)


def _try_parquet(path: Path, columns: tuple[str, ...] = (), dictionary: tuple[str, ...] = (), rows: int = 0) -> None:
    """Read columns and drop them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    what = "not a parquet file"
    try:
        with pq.ParquetFile(path, read_dictionary=list(dictionary)) as file:
            file.schema_arrow.names  # noqa: B018 - a schema may be damaged
            what = "damaged"
            for batch in file.iter_batches(batch_size=rows, columns=list(columns)) if columns else ():
                batch.validate(full=True)  # texts are UTF-8, offsets lie inside
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise TableError(path, f"{what} ({first_line(error)})", "write it again") from error


def first_line(error: Exception) -> str:
    """Return the first line of a library's message, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def check_columns(path: Path, names: Sequence[str], required: Iterable[str]) -> None:
    """Raise TableError unless every required column is there."""
    missing = [name for name in required if name not in names]
    if missing:
        found = ", ".join(names)
        raise TableError(path, f"no column {missing[0]!r}, found {found}"[:300], f"add or rename it to {missing[0]!r}")


# ------------------------------------------------------------------------------------------------------------ CSV


def _csv_rows(path: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[Row]:
    lines = csv_lines(path)
    header = _header(path, lines)
    check_columns(path, header, required)
    columns = [(name, header.index(name)) for name in (*required, *optional) if name in header]
    absent = dict.fromkeys((name for name in optional if name not in header), "")
    width = len(header)
    for number, fields in lines:
        if len(fields) != width:
            raise TableError(
                path, f"{len(fields)} fields, the header has {width}", "quote fields that hold commas", row=number
            )
        yield number, {**absent, **{name: of_cell(fields[column].strip()) for name, column in columns}}


def _header(path: Path, lines: Iterator[tuple[int, list[str]]]) -> list[str]:
    _, fields = next(lines, (0, []))
    header = [name.strip() for name in fields]
    if not any(header):
        raise TableError(path, "the file is empty", "write a header line and rows")
    repeated = next((name for column, name in enumerate(header) if name in header[:column]), None)
    if repeated is not None:
        raise TableError(path, f"column {repeated!r} occurs twice", "keep one of them", row=1)
    return header


def csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of every line that is not blank."""
    check_regular(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(bounded_lines(path, file), strict=True)
            for fields in reader:
                if fields:
                    yield reader.line_num, fields
    except UnicodeDecodeError:
        raise TableError(path, "not UTF-8", "save the file as UTF-8", row=_undecodable_line(path)) from None
    except csv.Error as error:
        raise TableError(path, f"not CSV ({error})", "close the quotes", row=reader.line_num) from None
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


# -------------------------------------------------------------------------------------------------------- parquet


def _parquet_rows(path: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[Row]:
    import pyarrow as pa

    file = open_parquet(path)
    names = list(file.schema_arrow.names)
    check_columns(path, names, required)
    wanted = [name for name in (*required, *optional) if name in names]
    absent = dict.fromkeys((name for name in optional if name not in names), "")
    check_parquet(path, wanted)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=wanted):
            columns = [_column_texts(batch.column(name).to_pylist()) for name in wanted]
            for values in zip(*columns, strict=True):
                number += 1
                yield number, {**absent, **dict(zip(wanted, values, strict=True))}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TableError(path, f"damaged ({first_line(error)})", "write it again") from error


def _column_texts(values: list[Any]) -> list[str]:
    """Return cells as the text that a CSV file would have: nulls are empty."""
    return ["" if value is None else value.strip() if isinstance(value, str) else str(value) for value in values]
