"""Read tables of numbers as vectors: the features of Music4All-Onion, id_<kind>.tsv.bz2.

Tab-separated with a header, compressed or not: the id of a track, then one number a column.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unheard.arrays import Floats
from unheard.errors import TableError
from unheard.ingest.text_files import first_fields

ID_NAMES = ("id", "track_id")
BLOCK_BYTES = 32_000_000  # of text, more than the longest row


def is_vector_table(path: Path) -> bool:
    """Return whether a file has the name and the header of such a table."""
    return first_fields(path)[:1] in ([name] for name in ID_NAMES)


def read_vector_table(path: Path) -> tuple[list[str], Floats]:
    """Return ids and the matrix (track, number). TableError for a column that holds anything but numbers."""
    import pyarrow as pa
    from pyarrow import csv

    header = first_fields(path)
    if len(header) < 2:
        raise TableError(path, "no columns of numbers in it", "expected the id of a track, then numbers")
    names = ["id", *(f"#{number}" for number in range(1, len(header)))]
    ids: list[str] = []
    parts: list[Floats] = []
    try:
        with csv.open_csv(
            path,
            csv.ReadOptions(column_names=names, skip_rows=1, block_size=BLOCK_BYTES),
            csv.ParseOptions(delimiter="\t", quote_char=False),
            csv.ConvertOptions(column_types={"id": pa.string(), **dict.fromkeys(names[1:], pa.float32())}),
        ) as batches:
            for batch in batches:
                ids += batch.column("id").to_pylist()
                columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns[1:]]
                parts.append(np.column_stack(columns).astype(np.float32))
    except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the table
        raise
    except (pa.ArrowException, OSError) as error:
        raise TableError(
            path, f"not a table of numbers ({str(error).splitlines()[0][:160]})", "name a table of one number a column"
        ) from error
    return ids, np.concatenate(parts) if parts else np.empty((0, len(header) - 1), np.float32)
