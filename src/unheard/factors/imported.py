"""The user's own factors: parquet files of (track_id, vector) and (playlist_id, vector)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.errors import TableError
from unheard.ids import IdMap


@dataclass(frozen=True)
class GivenFactors:
    """Factors of a file, aligned to the library: `vectors` (n, d) float32, zero where not `known` (n,)."""

    vectors: NDArray[np.float32]
    known: NDArray[np.bool_]
    n_unknown_ids: int  # rows of the file that name nothing in the library

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])


def read_factors(path: Path, ids: IdMap, *, id_column: str) -> GivenFactors:
    """Read `path` and align it to `ids`; ids that are not there are counted and left out.

    TableError if the file is no parquet, lacks a column, names an id twice, has vectors of different lengths or values
    that are not finite, or none of its ids is in `ids`.
    """
    names, matrix = _read(path, id_column)
    rows = ids.rows(names, missing=-1)
    known = rows >= 0
    if not known.any():
        raise TableError(
            path, f"none of its {len(names)} ids (such as {names[0]!r}) is in the library", "use the library's ids"
        )
    vectors = np.zeros((len(ids), matrix.shape[1]), np.float32)
    vectors[rows[known]] = matrix[known]
    has_vector = np.zeros(len(ids), np.bool_)
    has_vector[rows[known]] = True
    return GivenFactors(vectors, has_vector, int((~known).sum()))


def _read(path: Path, id_column: str) -> tuple[list[str], NDArray[np.float32]]:
    """Ids and a finite float32 matrix (n, d) with at least one row and one column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    expected = f"expected a parquet file with the columns {id_column} and vector (a list of floats)"
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        first_line = next(iter(str(error).splitlines()), "unreadable")
        raise TableError(path, f"cannot be read ({first_line})", expected) from error
    for column in (id_column, "vector"):
        if column not in table.column_names:
            raise TableError(path, f"has no column {column!r} (only {', '.join(table.column_names)})", expected)
    if table[id_column].null_count:
        raise TableError(path, f"column {id_column} has {table[id_column].null_count} rows without an id", expected)
    names = [str(name) for name in table[id_column].to_pylist()]
    lists = table["vector"].combine_chunks()
    if not names:
        raise TableError(path, "has no rows", expected)
    if not (
        pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type) or pa.types.is_fixed_size_list(lists.type)
    ):
        raise TableError(path, f"column vector is of type {lists.type}", expected)
    first_row: dict[str, int] = {}
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    for row, (name, length) in enumerate(zip(names, lengths, strict=True), start=1):
        if name in first_row:
            raise TableError(path, f"{name!r} is there twice, first in row {first_row[name]}", "keep one", row=row)
        first_row[name] = row
        if not length or length != lengths[0]:
            problem = f"the vector of {name!r} has {length} values, the first one {lengths[0]}"
            raise TableError(path, problem, "give every vector the same length", row=row)
    try:
        values = lists.flatten().cast(pa.float32()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise TableError(path, f"column vector holds {lists.type.value_type}", expected) from error
    matrix = np.asarray(values, np.float32).reshape(len(names), -1)
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        problem = f"the vector of {names[bad[0]]!r} holds a value that is not finite"
        raise TableError(path, problem, "leave the row out or mend it", row=int(bad[0]) + 1)
    return names, matrix
