"""Convert columns of a table to numbers: positions, weights and times.

Arrow converts plain numbers; other texts are parsed once for each distinct text. A value that cannot be converted is
refused; its error is made when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from unheard.arrays import Doubles, Mask
from unheard.errors import TableError
from unheard.ingest.tables import parse_number
from unheard.plays.readers.columns import as_text
from unheard.plays.readers.times import END_S, EXPECTED, month_first, parse_time, seconds_of

Parse = Callable[[Path, str, str], float]  # path, name of the column, text
MAX_DIGITS = 15  # of a position: what floating-point numbers hold exactly
GROUPED = re.compile(r"[-+]?\d{1,3}([.,'\u2019 \u00a0\u202f])\d{3}(?:\1\d{3})*(?:(?!\1)[.,]\d+)?")


@dataclass(frozen=True)
class Values:
    """A column of numbers. `explain(record)` returns the error of a refused cell."""

    numbers: Doubles  # NaN where empty or refused
    empty: Mask
    refused: Mask
    explain: Callable[[int], TableError]


def read_positions(path: Path, column: Any, name: str) -> Values:
    """Return whole numbers."""
    return _read(path, column, name, parse_position, lambda x: (x == np.floor(x)) & (np.abs(x) < 10.0**MAX_DIGITS))


def read_weights(path: Path, column: Any, name: str, *, decimal_comma: bool = False) -> Values:
    """Return weights from 0 in the range of float32."""
    parse = partial(parse_weight, decimal_comma=decimal_comma)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return _read(path, column, name, parse, lambda x: (x < 3e38) & ((x == 0) | (x.astype(np.float32) > 0)))


def read_timestamps(path: Path, column: Any, name: str) -> Values:
    """Return seconds since 1970."""
    return _read(path, column, name, parse_timestamp, np.isfinite)


def parse_position(path: Path, name: str, text: str) -> float:
    """Parse a whole number."""
    number = _number(path, name, text)
    if number != int(number) or abs(number) >= 10**MAX_DIGITS:
        raise TableError(path, f"{name} is {text}", "expected a whole number")
    return number


def parse_weight(path: Path, name: str, text: str, *, decimal_comma: bool = False) -> float:
    """Parse a number from 0; 1,5 and 1.234,5 are numbers too, and 1,234 only where commas are known to be decimal."""
    plain = plain_number(text, decimal_comma=decimal_comma)
    if plain is None:
        raise TableError(path, f"{name} is {text!r}, one or a thousand times more", "write it without the comma")
    weight = _number(path, name, plain)
    if not 0 <= weight < 3e38 or (weight > 0 and np.float32(weight) == 0):
        raise TableError(path, f"{name} is {text}", "expected a number above 0 and below 3e38")
    return weight


def parse_timestamp(path: Path, name: str, text: str, *, month_first: bool = False) -> float:
    """Parse seconds since 1970, or a date with or without a time."""
    seconds = parse_time(text, month_first=month_first)
    if seconds is None:
        raise TableError(path, f"{name} is {text!r}", EXPECTED)
    return seconds


def plain_number(text: str, *, decimal_comma: bool = False) -> str | None:
    """Return a number without signs of grouping and with a decimal point; None if its comma may be either."""
    text = text.strip()
    if "," not in text and not GROUPED.fullmatch(text):
        return text
    match = GROUPED.fullmatch(text)
    grouping = match[1] if match else ""
    if match and grouping in ".,":
        is_certain = text.count(grouping) > 1 or len(set(text) & set(".,")) > 1
        if grouping == "." and not is_certain:
            return text
        if grouping == "," and not is_certain:
            if not decimal_comma and not text.lstrip("+-").startswith("0"):
                return None
            return text.replace(",", ".")
    return (text.replace(grouping, "") if grouping else text).replace(",", ".")


def _number(path: Path, name: str, text: str) -> float:
    try:
        return parse_number(path, 0, name, text)
    except TableError as error:
        raise TableError(path, error.problem, error.fix) from None


def _read(path: Path, column: Any, name: str, parse: Parse, valid: Callable[[Doubles], Mask]) -> Values:
    import pyarrow as pa
    import pyarrow.compute as pc

    times = parse is parse_timestamp
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        texts = column
        empty = column.is_null().to_numpy(zero_copy_only=False)
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        numbers = seconds_of(numbers) if times else numbers
    else:
        texts = as_text(column)
        empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
        converted = _numbers_of(texts, times=times)
        if converted is None:
            if times:
                parse = partial(parse_timestamp, month_first=month_first(pc.unique(texts).to_pylist()))
            converted = _parse_distinct(path, texts, name, parse)
        numbers = converted
    refused = ~valid(numbers) & ~empty

    def explain(record: int) -> TableError:
        try:
            parse(path, name, str(texts[record].as_py()))
        except TableError as error:
            return error
        return TableError(path, f"{name} is {texts[record].as_py()}", "expected another value")

    return Values(np.where(refused | empty, np.nan, numbers), empty, refused, explain)


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
            seconds = microseconds / 1e6
            return np.where((seconds >= 0) & (seconds < END_S), seconds, np.nan)
        numbers = np.asarray(converted.to_numpy(zero_copy_only=False), np.float64)
        return seconds_of(numbers) if times else numbers
    return None


def _parse_distinct(path: Path, texts: Any, name: str, parse: Parse) -> Doubles:
    encoded = texts.dictionary_encode()
    values = np.full(len(encoded.dictionary), np.nan)
    for number, text in enumerate(encoded.dictionary.to_pylist()):
        if text:
            try:
                values[number] = parse(path, name, text)
            except TableError:
                continue  # refused; explained later
    return np.asarray(values[encoded.indices.to_numpy()])
