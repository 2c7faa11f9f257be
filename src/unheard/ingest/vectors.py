"""Read vectors of tracks from .parquet (track_id, vector as list<float>), .npz files (two arrays), or data sets.

Imported latent factors of tracks and playlists have the same format. Of data sets: Yambda's embeddings.parquet
(item_id, embed), tables of numbers (vector_tables.py), and Melon's folders of mel spectrograms (mel_folders.py).
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.errors import TableError
from unheard.ids import IdMap, id_problem
from unheard.ingest.limited import limited
from unheard.ingest.mel_folders import NOT_NPY, is_mel_folder, read_mel_folder
from unheard.ingest.tables import column_names, first_line
from unheard.ingest.vector_tables import is_vector_table, read_vector_table
from unheard.regular_files import check_regular

FIX_LENGTH = "give every track a vector of the same length"
# What NumPy and zipfile raise for damaged files.
NOT_NPZ = (*NOT_NPY, zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, AttributeError, KeyError)
COLUMNS = (("track_id", "vector"), ("item_id", "embed"))  # ours; Yambda's


def ignore(_: str) -> None:
    """Take a line about a file that was left out, and do nothing with it."""


def has_vectors(path: Path) -> bool:
    """Return whether a file or folder holds vectors. TableError for a Parquet file that cannot be read."""
    if path.suffix.lower() == ".parquet" and path.is_file():
        names = column_names(path)
        return "vector" in names or any(set(columns) <= set(names) for columns in COLUMNS)
    return path.suffix.lower() == ".npz" or is_mel_folder(path) or is_vector_table(path)


def read_vectors(
    path: Path, *, id_column: str = "track_id", left_out: Callable[[str], None] = ignore
) -> tuple[IdMap, Floats]:
    """Return ids and a finite float32 matrix (track, dim) in the file's order; `id_column` names the column of ids.

    left_out  is called with one line for each file of a folder that cannot be used

    Raise TableError with the row (1 = the first) for missing, repeated or invalid values.
    """
    check_regular(path)
    if is_mel_folder(path):
        ids, matrix = read_mel_folder(path, left_out)
    elif not path.is_file():
        raise TableError(path, "no such file", "name an existing .parquet or .npz file")
    elif is_vector_table(path):
        limited(_try_to_read_table, path)
        ids, matrix = read_vector_table(path)
    else:
        limited(_try_to_read, path, id_column)
        ids, matrix = _read_file(path, id_column)
    if not len(ids):
        raise TableError(path, "no vectors in it", "give it at least one row")
    if matrix.shape[1] == 0:
        raise TableError(path, "the vectors have no numbers", FIX_LENGTH)
    _check_ids(path, ids, id_column)
    broken = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(broken):
        row = int(broken[0])
        raise TableError(path, f"vector of {ids[row]!r} has NaN or infinity", "correct or remove it", row=row + 1)
    return IdMap(ids), matrix


def _read_file(path: Path, id_column: str) -> tuple[list[str], Floats]:
    return (_read_npz if path.suffix.lower() == ".npz" else _read_parquet)(path, id_column)


def _try_to_read(path: Path, id_column: str) -> None:
    """Read a file and drop what is in it: called in a process that may fail (limited.py)."""
    _read_file(path, id_column)


def _try_to_read_table(path: Path) -> None:
    """Do the same for a table of numbers: a few compressed bytes may be a large one."""
    read_vector_table(path)


def _check_ids(path: Path, ids: list[str], id_column: str) -> None:
    rows: dict[str, int] = {}
    for row, name in enumerate(ids, start=1):
        if problem := id_problem(name):
            raise TableError(path, f"{id_column} {problem}", "give the row another id", row=row)
        if name in rows:
            raise TableError(path, f"{id_column} {name!r} is also in row {rows[name]}", "keep one", row=row)
        rows[name] = row


def _to_float32(path: Path, values: NDArray[Any]) -> Floats:
    if values.dtype.kind not in "fiu":
        raise TableError(path, f"vectors are of type {values.dtype}", "store floating-point numbers")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float32)


def _read_npz(path: Path, id_column: str) -> tuple[list[str], Floats]:
    fix = f"save it with np.savez(path, {id_column}=ids, vector=matrix)"
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            missing = [name for name in (id_column, "vector") if name not in file]
            if missing:
                raise TableError(path, f"no array {missing[0]!r}, found {', '.join(file.files)}", fix)
            names, values = file[id_column], file["vector"]
    except MemoryError:
        raise TableError(path, "its arrays claim more memory than there is", fix) from None
    except NOT_NPZ as error:
        raise TableError(path, f"not a readable .npz file ({first_line(error)})", fix) from error
    if names.ndim != 1 or values.ndim != 2 or len(names) != len(values):
        problem = f"shapes are {id_column} {names.shape} and vector {values.shape}"
        raise TableError(path, problem, "expected (n,) and (n, dim)")
    ids = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()]
    return ids, _to_float32(path, values)


def _read_parquet(path: Path, id_column: str) -> tuple[list[str], Floats]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    names = column_names(path)
    vector_column = "vector"
    if id_column == COLUMNS[0][0] and not {id_column, vector_column} & set(names) and set(COLUMNS[1]) <= set(names):
        id_column, vector_column = COLUMNS[1]
    missing = [name for name in (id_column, vector_column) if name not in names]
    if missing:
        raise TableError(path, f"no column {missing[0]!r}, found {', '.join(names)}"[:300], f"add {missing[0]!r}")
    try:
        table = pq.ParquetFile(path).read(columns=[id_column, vector_column]).combine_chunks()
        table.validate(full=True)  # texts are UTF-8
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"damaged ({first_line(error)})", "write it again") from error
    ids = ["" if name is None else str(name) for name in table[id_column].to_pylist()]
    lists = table[vector_column]
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(lists.type) for is_kind in kinds):
        raise TableError(path, f"column 'vector' is {lists.type}", "store it as list<float>")
    if not ids:
        return [], np.empty((0, 0), np.float32)
    lengths = np.array([-1 if n is None else n for n in pc.list_value_length(lists).to_pylist()])
    odd = np.flatnonzero(lengths != lengths[0])
    if lengths[0] < 0 or len(odd):
        row = int(odd[0]) if lengths[0] >= 0 else 0
        problem = f"vector of {ids[row]!r} has {max(0, int(lengths[row]))} numbers, the first has {max(0, lengths[0])}"
        raise TableError(path, problem, FIX_LENGTH, row=row + 1)
    flat = pc.list_flatten(lists).to_numpy(zero_copy_only=False)  # nulls become NaN
    return ids, _to_float32(path, flat.reshape(len(ids), -1))
