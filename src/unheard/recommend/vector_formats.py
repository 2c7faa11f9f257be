"""Write vectors of tracks in the formats that vector stores load.

    parquet     columns track_id, path, vector; model, split and dim in the metadata. Milvus imports it as it is
    pgvector    SQL for psql: the extension, a table, its rows, an index by cosine
    qdrant      one JSON line for each 500 points: the body of PUT /collections/NAME/points
    opensearch  lines of the _bulk API of OpenSearch and Elasticsearch
    faiss       .npy, float32 (n, dim), and beside it .ids.json, the list of the n track ids

Every file is written under a temporary name and renamed. Ids of Qdrant have to be numbers or UUIDs: they are UUIDs made
from the track ids (`point_id`), which are in the payloads.
"""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.atomic_files import atomic_path, write_json
from unheard.errors import UserError

POINTS_PER_LINE = 500  # 1 MB of 200 numbers each
NAMESPACE = uuid.UUID("6f1d3f0e-5a0b-4c56-9d0e-7c1b1f6f3a52")  # of the UUIDs of tracks


@dataclass(frozen=True)
class VectorTable:
    """Vectors (n, dim) float32 of n tracks with their paths; `metadata` is about the model."""

    ids: list[str]
    paths: list[str]
    vectors: NDArray[np.float32]
    metadata: Mapping[str, str]

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def rows(self) -> Iterator[tuple[str, str, list[float]]]:
        """Yield id, path and vector of each track; of numbers as few digits as give the same float32."""
        for track_id, path, vector in zip(self.ids, self.paths, self.vectors, strict=True):
            yield track_id, path, [float(str(value)) for value in vector]


@dataclass(frozen=True)
class VectorFormat:
    """How a table is written, and what loads a file {path}: a command of a shell, lines of Python, or nothing."""

    suffix: str
    write: Callable[[Path, VectorTable], None]
    load: str
    quote: Callable[[str], str] = shlex.quote

    def command(self, path: Path) -> str:
        """Return what loads a file."""
        return self.load.format(path=self.quote(str(path)))


def format_of(name: str, path: Path) -> VectorFormat:
    """Return the format of a name; UserError if it is unknown, or if `path` has another suffix."""
    if name not in FORMATS:
        raise UserError(f"--format {name}: unknown; choose one of {', '.join(FORMATS)}")
    found = FORMATS[name]
    if path.suffix != found.suffix:
        raise UserError(f"{path}: vectors as {name} are written to {found.suffix}; use -o vectors{found.suffix}")
    return found


def point_id(track_id: str) -> str:
    """Return the UUID of a track in Qdrant."""
    return str(uuid.uuid5(NAMESPACE, track_id))


def _write_parquet(path: Path, table: VectorTable) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = pa.array(np.ascontiguousarray(table.vectors, np.float32).reshape(-1))
    starts = pa.array(np.arange(len(table.ids) + 1, dtype=np.int32) * table.dim)
    columns = {
        "track_id": pa.array(table.ids, pa.string()),
        "path": pa.array(table.paths, pa.string()),
        "vector": pa.ListArray.from_arrays(starts, flat),
    }
    named = pa.table(columns).replace_schema_metadata({"unheard": json.dumps(dict(table.metadata))})
    with atomic_path(path) as temporary:
        pq.write_table(named, temporary)


def _write_pgvector(path: Path, table: VectorTable) -> None:
    name = "unheard_tracks"
    head = f"""\
BEGIN;
CREATE EXTENSION IF NOT EXISTS vector;
DROP TABLE IF EXISTS {name};
CREATE TABLE {name} (track_id text PRIMARY KEY, path text NOT NULL, vector vector({table.dim}) NOT NULL);
COMMENT ON TABLE {name} IS {_quoted(json.dumps(dict(table.metadata)))};
COPY {name} (track_id, path, vector) FROM stdin;
"""
    index = f"CREATE INDEX ON {name} USING hnsw (vector vector_cosine_ops);\n"
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(head)
        for track_id, where, vector in table.rows():
            file.write(f"{_copied(track_id)}\t{_copied(where)}\t{json.dumps(vector, separators=(',', ':'))}\n")
        file.write("\\.\n")
        file.write(index if table.dim <= 2000 else "")  # the most dimensions that pgvector's indexes take
        file.write("COMMIT;\n")


def _write_qdrant(path: Path, table: VectorTable) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        points: list[dict[str, Any]] = []
        for track_id, where, vector in table.rows():
            payload = {"track_id": track_id, "path": where}
            points.append({"id": point_id(track_id), "vector": vector, "payload": payload})
            if len(points) == POINTS_PER_LINE:
                yield {"points": points}
                points = []
        if points:
            yield {"points": points}

    _write_lines(path, lines())


def _write_opensearch(path: Path, table: VectorTable) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        for track_id, where, vector in table.rows():
            yield {"index": {"_id": track_id}}
            yield {"track_id": track_id, "path": where, "vector": vector}

    _write_lines(path, lines())


def _write_npy(path: Path, table: VectorTable) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.ascontiguousarray(table.vectors, np.float32))
    write_json(path.with_suffix(".ids.json"), table.ids)


FORMATS: Mapping[str, VectorFormat] = {
    "parquet": VectorFormat(".parquet", _write_parquet, ""),
    "pgvector": VectorFormat(".sql", _write_pgvector, "psql -v ON_ERROR_STOP=1 -d DATABASE -f {path}"),
    "qdrant": VectorFormat(
        ".jsonl",
        _write_qdrant,
        # A line is longer than an argument may be; printf is part of the shell.
        'while read -r line; do printf %s "$line" | curl -sf -X PUT $QDRANT/collections/NAME/points '
        "-H 'Content-Type: application/json' --data-binary @-; done < {path}",
    ),
    "opensearch": VectorFormat(
        ".ndjson",
        _write_opensearch,
        "curl -sf $OPENSEARCH/NAME/_bulk -H 'Content-Type: application/x-ndjson' --data-binary @{path}",
    ),
    "faiss": VectorFormat(".npy", _write_npy, "index = faiss.IndexFlatIP(dim); index.add(np.load({path}))", repr),
}


def _write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _copied(text: str) -> str:
    """Return text for COPY, which reads backslashes, tabs and line breaks as its own."""
    for character, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
