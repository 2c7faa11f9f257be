"""Convert columns of a table to numbers: positions, weights and times.

Arrow converts plain numbers; other texts are parsed once for each distinct text. The first invalid value is parsed
again with its row, so that the parser raises the error.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Mask
from unheard.errors import TableError
from unheard.ingest.tables import parse_number, parse_weight
from unheard.plays.readers.columns import as_text

Parse = Callable[[Path, int, str, str], float]  # path, row, name of the column, text
MAX_DIGITS = 15  # of a position: what floating-point numbers hold exactly


def read_positions(path: Path, column: Any, name: str, row_of: Callable[[int], int]) -> tuple[Doubles, Mask]:
    """Return whole numbers and which cells are empty."""
    return _read(
        path, column, name, row_of, parse_position, lambda x: (x == np.floor(x)) & (np.abs(x) < 10.0**MAX_DIGITS)
    )


def read_weights(path: Path, column: Any, name: str, row_of: Callable[[int], int]) -> Doubles:
    """Return weights above 0; of empty cells 1."""
    with np.errstate(over="ignore", under="ignore"):
        values, empty = _read(
            path, column, name, row_of, parse_weight, lambda x: (x < 3e38) & (x.astype(np.float32) > 0)
        )
    return np.where(empty, 1.0, values)


def read_timestamps(path: Path, column: Any, name: str, row_of: Callable[[int], int]) -> Doubles:
    """Return seconds since 1970; of empty cells NaN."""
    return _read(path, column, name, row_of, parse_timestamp, np.isfinite)[0]


def parse_position(path: Path, row: int, name: str, text: str) -> float:
    """Parse a whole number."""
    number = parse_number(path, row, name, text)
    if number != int(number) or abs(number) >= 10**MAX_DIGITS:
        raise TableError(path, f"{name} is {text}", "expected a whole number", row=row)
    return number


def parse_timestamp(path: Path, row: int, name: str, text: str) -> float:
    """Parse seconds since 1970, or an ISO 8601 date or time (UTC unless it says otherwise)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return parse_number(path, row, name, text)
    if text.isdigit():  # 8 digits would also be a date
        return float(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read(
    path: Path, column: Any, name: str, row_of: Callable[[int], int], parse: Parse, valid: Callable[[Doubles], Mask]
) -> tuple[Doubles, Mask]:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        empty = column.is_null().to_numpy(zero_copy_only=False)
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        texts = column
    else:
        texts = as_text(column)
        empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
        values = _numbers_of(texts, times=parse is parse_timestamp)
        if values is None:
            return _parse_distinct(path, texts, name, row_of, parse), empty
    refused = np.flatnonzero(~valid(values) & ~empty)
    if len(refused):
        record = int(refused[0])
        parse(path, row_of(record), name, str(texts[record].as_py()))  # raises
    return values, empty


def _numbers_of(texts: Any, *, times: bool) -> Doubles | None:
    """Return numbers, or times in one ISO 8601 format, NaN for empty texts; None if a text has another format."""
    import pyarrow as pa
    import pyarrow.compute as pc

    filled = pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)
    kinds = [pa.float64(), *([pa.timestamp("us"), pa.timestamp("us", "UTC")] if times else [])]
    for kind in kinds:
        try:
            converted = filled.cast(kind)
        except pa.ArrowInvalid:
            continue
        if pa.types.is_timestamp(kind):
            microseconds = converted.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
            return np.asarray(microseconds / 1e6)
        return np.asarray(converted.to_numpy(zero_copy_only=False), np.float64)
    return None


def _parse_distinct(path: Path, texts: Any, name: str, row_of: Callable[[int], int], parse: Parse) -> Doubles:
    encoded = texts.dictionary_encode()  # distinct texts in the order of the rows
    indices = encoded.indices.to_numpy()
    values = np.empty(len(encoded.dictionary))
    for number, text in enumerate(encoded.dictionary.to_pylist()):
        try:
            values[number] = parse(path, 0, name, text) if text else np.nan
        except TableError:
            parse(path, row_of(int(np.argmax(indices == number))), name, text)  # raises, with the row
    return np.asarray(values[indices])
