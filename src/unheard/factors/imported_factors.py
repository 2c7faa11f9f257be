"""Read factors from the user's files of (track_id, vector) or (playlist_id, vector), aligned to the library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unheard.arrays import Floats, Mask
from unheard.errors import TableError
from unheard.ids import IdMap
from unheard.ingest.vectors import read_vectors


@dataclass(frozen=True)
class ImportedFactors:
    """Factors of a file, aligned to the library: `vectors` (n, d) float32, zero where not `known` (n,)."""

    vectors: Floats
    known: Mask
    n_unknown_ids: int  # rows of the file whose id is not in the library

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])


def read_factors(path: Path, ids: IdMap, *, id_column: str) -> ImportedFactors:
    """Read `path` and align it to `ids`; unknown ids are counted and skipped.

    Raise TableError if the file cannot be read (see `read_vectors`), or none of its ids is in `ids`.
    """
    names, matrix = read_vectors(path, id_column=id_column)
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
    return ImportedFactors(vectors, has_vector, int((~known).sum()))
