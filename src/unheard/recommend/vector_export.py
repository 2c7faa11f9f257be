"""Write predicted factors as Parquet (track_id, path, vector), with model, split and dim in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import atomic_path


def write_vectors(
    path: Path, ids: Sequence[str], paths: Sequence[str], vectors: NDArray[np.float32], metadata: Mapping[str, str]
) -> None:
    """Write `vectors` (n, dim) of n tracks, atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "track_id": pa.array(ids, pa.string()),
            "path": pa.array(paths, pa.string()),
            "vector": pa.array(list(vectors), pa.list_(pa.float32())),
        }
    )
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"unheard": json.dumps(dict(metadata))}), temporary)
