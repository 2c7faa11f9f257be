"""Read tables of millions of rows as batches of columns, with Arrow.

If Arrow cannot read a CSV file (a row of another width, an unclosed quote, bytes that are not UTF-8), the rest is read
row by row (text_table.py), and rows that are invalid are noted. A record is a row of data, counted from 0.
"""

from __future__ import annotations

import codecs
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.errors import TableError
from unheard.ingest.tables import check_parquet, first_line, open_parquet
from unheard.plays.readers.text_table import Dialect, plain_name, read_dialect, table_lines
from unheard.regular_files import check_regular

BLOCK_BYTES = 8_000_000
BATCH_ROWS = 1_000_000
SLOW_BATCH_ROWS = 50_000
Note = Callable[[int, str, str], None]  # takes the row of an invalid record, the problem and the fix
Problem = tuple[str, str]  # what is wrong with a row, and how to mend it
TextRow = tuple[int, dict[str, str]]  # row number, column name -> text
MAX_EXPLAINED = 10  # invalid rows of a table


@dataclass(frozen=True)
class ColumnBatch:
    """Columns of some records.

    columns  name -> Arrow array; ids are dictionary-encoded text, other columns of a text table are text
    rows     row numbers in the file; None if they have to be counted
    """

    columns: dict[str, Any]
    rows: NDArray[np.int64] | None = None


def table_batches(path: Path, *, ids: Sequence[str], optional: Sequence[str], note: Note) -> Iterator[ColumnBatch]:
    """Yield the required columns `ids` and the existing ones of `optional`, a batch of rows at a time.

    TableError for a table that is missing, empty, damaged, or without a required column.
    """
    check_regular(path)
    if not path.is_file():
        raise TableError(path, "no such file", "name an existing .csv or .parquet file")
    batches = _parquet_batches if path.suffix.lower() == ".parquet" else _csv_batches
    yield from batches(path, tuple(ids), tuple(optional), note)


def rows_of_records(path: Path, records: Sequence[int]) -> dict[int, int]:
    """Return the row number that a message gives for each record: its last line in a text file, counted from 1."""
    if path.suffix.lower() == ".parquet":
        return {record: record + 1 for record in records}
    lines = _checked(path, read_dialect(path))
    return numbers_of_records((number for number, _, problem in lines if problem is None), records)


def numbers_of_records(numbers: Iterable[int], records: Sequence[int]) -> dict[int, int]:
    """Return the number of each wanted record, given the numbers of all records in order."""
    wanted, last = set(records), max(records, default=-1)
    return {record: number for record, number in enumerate(islice(numbers, last + 1)) if record in wanted}


def encode_ids(column: Any) -> Any:
    """Return ids of any type as dictionary-encoded text without spaces around it; nulls are empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        column = as_text(column).dictionary_encode()
    if column.null_count:
        column = pc.fill_null(column.cast(pa.string()), "").dictionary_encode()
    trimmed = pc.utf8_trim_whitespace(column.dictionary.cast(pa.string()))
    return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), trimmed)


def as_text(column: Any) -> Any:
    """Return a column as text, as a CSV file would hold it; nulls are empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))
    return pa.array(["" if cell is None else str(cell).strip() for cell in column.to_pylist()], pa.string())


def text_batches(rows: Iterable[TextRow], ids: Sequence[str]) -> Iterator[ColumnBatch]:
    """Yield rows of text as batches of columns."""
    import pyarrow as pa

    rows = iter(rows)
    while chunk := list(islice(rows, SLOW_BATCH_ROWS)):
        columns = {name: pa.array([row[name] for _, row in chunk], pa.string()) for name in chunk[0][1]}
        encoded = {name: column.dictionary_encode() if name in ids else column for name, column in columns.items()}
        yield ColumnBatch(encoded, np.array([number for number, _ in chunk], np.int64))


def arrow_csv(
    path: Path, names: Sequence[str], names_read: Sequence[str], ids: Sequence[str], *, skip: int, **parse: Any
) -> Any:
    """Open a text file as a stream of Arrow batches of text; `skip` lines precede the first record."""
    import pyarrow as pa
    from pyarrow import csv

    encoded = pa.dictionary(pa.int32(), pa.string())
    return csv.open_csv(
        path,
        csv.ReadOptions(column_names=list(names), skip_rows=skip, block_size=BLOCK_BYTES),
        csv.ParseOptions(**parse),
        csv.ConvertOptions(
            include_columns=list(names_read),
            column_types={name: encoded if name in ids else pa.string() for name in names_read},
            strings_can_be_null=False,
        ),
    )


def columns_read(path: Path, header: Sequence[str], ids: Sequence[str], optional: Sequence[str]) -> dict[str, int]:
    """Return the index of each column that is there. TableError if an id is missing or a name is repeated."""
    plain = [plain_name(name) for name in header]
    missing = next((name for name in ids if name not in plain), None)
    if missing is not None:
        problem = f"no column {missing!r}, found {', '.join(header)}"[:300]
        raise TableError(path, problem, f"add or rename it to {missing!r}, or name tracks by columns title and artist")
    found = {name: plain.index(name) for name in (*ids, *optional) if name in plain}
    repeated = next((name for name in found if plain.count(name) > 1), None)
    if repeated is not None:
        raise TableError(path, f"column {repeated!r} occurs twice", "keep one of them", row=1)
    return found


def _csv_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...], note: Note) -> Iterator[ColumnBatch]:
    import pyarrow as pa

    dialect = read_dialect(path)
    indices = columns_read(path, dialect.header, ids, optional)
    names = [f"#{index}" for index in range(len(dialect.header))]
    for name, index in indices.items():
        names[index] = name
    n = n_skipped = 0

    def skip(row: Any) -> str:
        """Skip a row of another width; give up if it hides other rows or has no more than empty fields too many."""
        nonlocal n_skipped
        fields = row.text.split(dialect.delimiter)
        if "\n" in row.text or "\r" in row.text or _problem(fields, len(names)) is None:
            return "error"
        n_skipped += 1
        return "skip"

    if dialect.encoding == "utf-8-sig":
        parse: dict[str, Any] = {"delimiter": dialect.delimiter, "newlines_in_values": _has_quotes(path)}
        if _is_utf8(path):  # Arrow cannot give other rows to the function
            parse["invalid_row_handler"] = skip
        try:
            for batch in arrow_csv(path, names, list(indices), ids, skip=dialect.line, **parse):
                if len(batch):
                    yield ColumnBatch(dict(zip(indices, batch.columns, strict=True)))
                    n += len(batch)
        except pa.ArrowException:
            n_skipped = 0
        except OSError as error:
            raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
        else:
            _note_skipped(path, dialect, n_skipped, note)
            return
    yield from text_batches(_rows(path, dialect, indices, skip=n, note=note), ids)


def _note_skipped(path: Path, dialect: Dialect, n_skipped: int, note: Note) -> None:
    """Note rows that Arrow skipped; the numbers of the first ones are found by reading the file again."""
    invalid = ((number, *problem) for number, _, problem in _checked(path, dialect) if problem is not None)
    explained = list(islice(invalid, min(n_skipped, MAX_EXPLAINED)))
    for number, problem, fix in explained + explained[:1] * (n_skipped - len(explained)):
        note(number, problem, fix)


def _rows(path: Path, dialect: Dialect, indices: dict[str, int], *, skip: int, note: Note) -> Iterator[TextRow]:
    """Yield the valid rows after the first `skip` of them as text; note all invalid ones."""
    width = len(dialect.header)
    for number, fields, problem in _checked(path, dialect):
        if problem is not None:
            note(number, *problem)
        elif skip:
            skip -= 1
        else:
            padded = fields + [""] * (width - len(fields))
            yield number, {name: padded[index].strip() for name, index in indices.items()}


def _checked(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], Problem | None]]:
    """Yield number, fields and problem of every record."""
    for number, fields, problem in table_lines(path, dialect):
        if problem:
            yield number, fields, (problem, "save the file as UTF-8" if "UTF-8" in problem else "close the quotes")
        else:
            yield number, fields, _problem(fields, len(dialect.header))


def _problem(fields: Sequence[str], width: int) -> Problem | None:
    """Return what is wrong with the number of fields; empty fields at the end do not count, nor do blank rows."""
    if len(fields) == width or not any(field.strip() for field in (fields if len(fields) < width else fields[width:])):
        return None
    return f"{len(fields)} fields, the header has {width}", "quote fields that hold the delimiter"


def _has_quotes(path: Path) -> bool:
    """Return whether a field may be quoted and so may hold a line break; Arrow is faster if no field does."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') >= 0


def _is_utf8(path: Path) -> bool:
    """Return whether a file is UTF-8 as a whole."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def record_batches(path: Path, columns: Iterable[str], *, source: Any = None, rows: int = BATCH_ROWS) -> Iterator[Any]:
    """Yield the existing ones of `columns` of a Parquet file as record batches; `source` is its opened content.

    TableError if it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if source is None:
            there = open_parquet(path).schema_arrow.names
            check_parquet(path, [name for name in columns if name in there], rows=rows)
        with pq.ParquetFile(path if source is None else source) as file:
            there = file.schema_arrow.names
            for batch in file.iter_batches(batch_size=rows, columns=[name for name in columns if name in there]):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, UnicodeError) as error:
        raise TableError(path, f"damaged ({first_line(error)})", "download it again") from error


def _parquet_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...], _note: Note) -> Iterator[ColumnBatch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header = open_parquet(path).schema_arrow.names
    names = {name: header[index] for name, index in columns_read(path, header, ids, optional).items()}
    encoded = [names[name] for name in ids]
    check_parquet(path, list(names.values()), dictionary=encoded, rows=BATCH_ROWS)
    try:
        with pq.ParquetFile(path, read_dictionary=encoded) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names.values())):
                if len(batch):
                    yield ColumnBatch({name: batch.column(column) for name, column in names.items()})
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"damaged ({first_line(error)})", "write it again") from error
