"""Read tables of millions of rows as batches of columns, with Arrow.

If Arrow cannot read a CSV file (a row of another width, an unclosed quote, bytes that are not UTF-8), the rest is read
row by row (text_table.py), and rows that are invalid are noted. A record is a row of data, counted from 0.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.errors import TableError
from unheard.ingest.tables import check_columns, open_parquet
from unheard.plays.readers.text_table import Dialect, plain_name, read_dialect, table_lines

BLOCK_BYTES = 8_000_000
BATCH_ROWS = 1_000_000
SLOW_BATCH_ROWS = 50_000
Note = Callable[[int, str, str], None]  # takes the row of an invalid record, the problem and the fix
TextRow = tuple[int, dict[str, str]]  # row number, column name -> text


@dataclass(frozen=True)
class Batch:
    """Columns of some records.

    columns  name -> Arrow array; ids are dictionary-encoded text, other columns of a text table are text
    rows     row numbers in the file; None if they have to be counted
    """

    columns: dict[str, Any]
    rows: NDArray[np.int64] | None = None


def table_batches(path: Path, *, ids: Sequence[str], optional: Sequence[str], note: Note) -> Iterator[Batch]:
    """Yield the required columns `ids` and the existing ones of `optional`, a batch of rows at a time.

    TableError for a table that is missing, empty, damaged, or without a required column.
    """
    if not path.is_file():
        raise TableError(path, "no such file", "name an existing .csv or .parquet file")
    batches = _parquet_batches if path.suffix.lower() == ".parquet" else _csv_batches
    yield from batches(path, tuple(ids), tuple(optional), note)


def rows_of_records(path: Path, records: Sequence[int]) -> dict[int, int]:
    """Return the row number that a message gives for each record: its last line in a text file, counted from 1."""
    if path.suffix.lower() == ".parquet":
        return {record: record + 1 for record in records}
    lines = table_lines(path, read_dialect(path))
    return numbers_of_records((number for number, _, _ in lines), records)


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


def text_batches(rows: Iterable[TextRow], ids: Sequence[str]) -> Iterator[Batch]:
    """Yield rows of text as batches of columns."""
    import pyarrow as pa

    rows = iter(rows)
    while chunk := list(islice(rows, SLOW_BATCH_ROWS)):
        columns = {name: pa.array([row[name] for _, row in chunk], pa.string()) for name in chunk[0][1]}
        encoded = {name: column.dictionary_encode() if name in ids else column for name, column in columns.items()}
        yield Batch(encoded, np.array([number for number, _ in chunk], np.int64))


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
    """Return the place of each column that is there. TableError if an id is missing or a name is repeated."""
    plain = [plain_name(name) for name in header]
    if any(name not in plain for name in ids):
        check_columns(path, header, ids)
    found = {name: plain.index(name) for name in (*ids, *optional) if name in plain}
    repeated = next((name for name in found if plain.count(name) > 1), None)
    if repeated is not None:
        raise TableError(path, f"column {repeated!r} occurs twice", "keep one of them", row=1)
    return found


def _csv_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...], note: Note) -> Iterator[Batch]:
    import pyarrow as pa

    dialect = read_dialect(path)
    places = columns_read(path, dialect.header, ids, optional)
    names = [f"#{place}" for place in range(len(dialect.header))]
    for name, place in places.items():
        names[place] = name
    n = 0
    if dialect.encoding == "utf-8-sig":
        parse = {"delimiter": dialect.delimiter, "newlines_in_values": _has_quotes(path)}
        try:
            for batch in arrow_csv(path, names, list(places), ids, skip=dialect.line, **parse):
                if len(batch):
                    yield Batch(dict(zip(places, batch.columns, strict=True)))
                    n += len(batch)
        except pa.ArrowException:
            pass
        except OSError as error:
            raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
        else:
            return
    yield from text_batches(_rows(path, dialect, places, skip=n, note=note), ids)


def _rows(path: Path, dialect: Dialect, places: dict[str, int], *, skip: int, note: Note) -> Iterator[TextRow]:
    """Yield the rows after `skip` records as text; note the invalid ones."""
    width = len(dialect.header)
    for number, fields, problem in islice(table_lines(path, dialect), skip, None):
        if problem:
            note(number, problem, "save the file as UTF-8" if "UTF-8" in problem else "close the quotes")
        elif any(field.strip() for field in (fields if len(fields) < width else fields[width:])):
            note(number, f"{len(fields)} fields, the header has {width}", "quote fields that hold the delimiter")
        else:
            padded = fields + [""] * (width - len(fields))
            yield number, {name: padded[place].strip() for name, place in places.items()}


def _has_quotes(path: Path) -> bool:
    """Return whether a field may be quoted and so may hold a line break; Arrow is faster if no field does."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') >= 0


def _parquet_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...], _note: Note) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header = open_parquet(path).schema_arrow.names
    names = {name: header[place] for name, place in columns_read(path, header, ids, optional).items()}
    try:
        with pq.ParquetFile(path, read_dictionary=[names[name] for name in ids]) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(names.values())):
                if len(batch):
                    yield Batch({name: batch.column(column) for name, column in names.items()})
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"damaged ({str(error).splitlines()[0][:120]})", "write it again") from error
