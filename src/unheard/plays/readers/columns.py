"""Read tables of millions of rows as batches of columns, with Arrow.

If Arrow cannot read a CSV file (a row of another width, an unclosed quote, bytes that are not UTF-8), ingest/tables.py
reads it row by row, or raises an error with the row. A record is a row of data, counted from 0.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.ingest.tables import check_columns, csv_header, csv_lines, open_parquet, read_rows

Batch = dict[str, Any]  # column name -> Arrow array; ids are dictionary-encoded text, other CSV columns are text
BLOCK_BYTES = 8_000_000
BATCH_ROWS = 1_000_000
SLOW_BATCH_ROWS = 50_000


def table_batches(path: Path, *, ids: Sequence[str], optional: Sequence[str]) -> Iterator[Batch]:
    """Yield the required columns `ids` and the existing ones of `optional`, a batch of rows at a time.

    TableError for a table that is missing, empty, damaged, without a required column, or with a row of another width.
    """
    if not path.is_file():
        raise TableError(path, "no such file", "name an existing .csv or .parquet file")
    batches = _parquet_batches if path.suffix.lower() == ".parquet" else _csv_batches
    empty = True
    for batch in batches(path, tuple(ids), tuple(optional)):
        empty = False
        yield batch
    if empty:
        raise TableError(path, "no rows in it", f"give it at least one row below {','.join(ids)}")


def row_of_record(path: Path, record: int) -> int:
    """Return the row number that a message gives for a record: its last line in a CSV file, counted from 1."""
    if path.suffix.lower() == ".parquet":
        return record + 1
    lines = csv_lines(path)
    return next(islice((number for number, _ in lines), record + 1, None), record + 2)


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


def text_batches(rows: Iterable[dict[str, str]], ids: Sequence[str]) -> Iterator[Batch]:
    """Yield rows of text as batches of columns."""
    import pyarrow as pa

    rows = iter(rows)
    while chunk := list(islice(rows, SLOW_BATCH_ROWS)):
        columns = {name: pa.array([row[name] for row in chunk], pa.string()) for name in chunk[0]}
        yield {name: column.dictionary_encode() if name in ids else column for name, column in columns.items()}


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


def _csv_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[Batch]:
    import pyarrow as pa

    header, header_line = csv_header(path)
    check_columns(path, header, ids)
    names_read = [*ids, *(name for name in optional if name in header)]
    n = 0
    try:
        for batch in arrow_csv(path, header, names_read, ids, skip=header_line, newlines_in_values=_has_quotes(path)):
            if len(batch):
                yield dict(zip(names_read, batch.columns, strict=True))
                n += len(batch)
    except pa.ArrowException:
        rows = (values for _, values in islice(read_rows(path, required=names_read), n, None))
        yield from text_batches(rows, ids)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error


def _has_quotes(path: Path) -> bool:
    """Return whether a field may be quoted and so may hold a line break; Arrow is faster if no field does."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b'"') >= 0


def _parquet_batches(path: Path, ids: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = open_parquet(path).schema_arrow
    check_columns(path, schema.names, ids)
    names_read = [*ids, *(name for name in optional if name in schema.names)]
    try:
        with pq.ParquetFile(path, read_dictionary=list(ids)) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=names_read):
                if len(batch):
                    yield {name: batch.column(name) for name in names_read}
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"damaged ({str(error).splitlines()[0][:120]})", "write it again") from error
