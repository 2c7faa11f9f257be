"""The Parquet file of vectors loads in Polars and DuckDB with the same numbers; tests/cluster has Spark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from unheard.recommend.vector_formats import FORMATS, VectorTable

IDS = ["a", "ü/b", "c"]


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)


@pytest.fixture
def file(tmp_path: Path, vectors: NDArray[np.float32]) -> Path:
    path = tmp_path / "vectors.parquet"
    table = VectorTable(IDS, ["/music/a.flac", "", "/music/c.flac"], vectors, {"model": "blend", "dim": "5"})
    FORMATS["parquet"].write(path, table)
    return path


def test_polars(file: Path, vectors: NDArray[np.float32]) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    table = polars.read_parquet(file)
    assert table.schema == {"track_id": polars.String, "path": polars.String, "vector": polars.List(polars.Float32)}
    assert table["track_id"].to_list() == IDS
    assert np.array_equal(np.array(table["vector"].to_list(), np.float32), vectors)
    fixed = table.with_columns(polars.col("vector").list.to_array(5))
    assert np.array_equal(fixed["vector"].to_numpy(), vectors)
    assert polars.scan_parquet(file).filter(polars.col("track_id") == "c").collect()["path"].item() == "/music/c.flac"


def test_duckdb(file: Path, vectors: NDArray[np.float32]) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT track_id, vector FROM read_parquet(?) ORDER BY track_id", [str(file)]
        ).fetchall()
        assert [name for name, _ in rows] == sorted(IDS)
        assert np.array_equal(np.array([dict(rows)[name] for name in IDS], np.float32), vectors)
        near = database.execute(
            "SELECT track_id, list_cosine_similarity(vector, ?::FLOAT[]) AS cosine FROM read_parquet(?) "
            "ORDER BY cosine DESC",
            [vectors[2].tolist(), str(file)],
        ).fetchall()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit[2]
    assert [name for name, _ in near] == [IDS[row] for row in np.argsort(-cosines)]
    np.testing.assert_allclose([cosine for _, cosine in near], np.sort(cosines)[::-1], rtol=1e-5)


def test_metadata_are_in_the_file(file: Path) -> None:
    assert b'"model": "blend"' in pq.read_schema(file).metadata[b"unheard"]
