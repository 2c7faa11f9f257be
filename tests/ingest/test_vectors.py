"""Test vectors of both formats, and error messages with the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import TableError
from unheard.ingest.vectors import read_vectors

IDS = ["b", "a", "c"]
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)


def parquet(path: Path, ids: list, vectors: list, kind: pa.DataType | None = None) -> Path:
    pq.write_table(pa.table({"track_id": ids, "vector": pa.array(vectors, kind)}), path)
    return path


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float32(), 4)])
def test_parquet(kind: pa.DataType, tmp_path: Path) -> None:
    ids, matrix = read_vectors(parquet(tmp_path / "v.parquet", IDS, MATRIX.tolist(), kind))
    assert list(ids) == IDS
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, MATRIX)


@pytest.mark.parametrize("names", [np.array(IDS), np.array(IDS, "S"), np.array([3, 1, 2])])
def test_npz(names: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", track_id=names, vector=MATRIX.astype(np.float64))
    ids, matrix = read_vectors(tmp_path / "v.npz")
    assert list(ids) == (IDS if names.dtype.kind in "US" else ["3", "1", "2"])
    np.testing.assert_array_equal(matrix, MATRIX)


@pytest.mark.parametrize(
    ("ids", "vectors", "row", "message"),
    [
        (["a", "b"], [[1.0, 2.0], [1.0]], 2, "has 1 numbers, the first has 2"),
        (["a", "b"], [[1.0, 2.0], None], 2, "has 0 numbers"),
        (["a", "b"], [None, [1.0]], 1, "has 0 numbers"),
        (["a", "a"], [[1.0], [2.0]], 2, "also in row 1"),
        (["a", None], [[1.0], [2.0]], 2, "track_id is empty"),
        (["a", "b"], [[1.0], [float("nan")]], 2, "NaN or infinity"),
        (["a", "b"], [[float("inf")], [1.0]], 1, "NaN or infinity"),
        (["a", "b"], [[1.0], [None]], 2, "NaN or infinity"),
        (["a"], [[]], None, "no numbers"),
        ([], [], None, "no vectors"),
    ],
)
def test_bad_rows(ids: list, vectors: list, row: int | None, message: str, tmp_path: Path) -> None:
    path = parquet(tmp_path / "v.parquet", ids, vectors, pa.list_(pa.float64()))
    with pytest.raises(TableError, match=message) as caught:
        read_vectors(path)
    assert caught.value.row == row


def test_bad_parquet_columns(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table({"track_id": ["a"], "embedding": [[1.0]]}), path)
    with pytest.raises(TableError, match="no column 'vector', found track_id, embedding"):
        read_vectors(path)
    pq.write_table(pa.table({"track_id": ["a"], "vector": [1.0]}), path)
    with pytest.raises(TableError, match="column 'vector' is double"):
        read_vectors(path)
    pq.write_table(pa.table({"track_id": ["a"], "vector": [["x"]]}), path)
    with pytest.raises(TableError, match="of type"):
        read_vectors(path)


def test_bad_npz(tmp_path: Path) -> None:
    path = tmp_path / "v.npz"
    np.savez(path, track_id=np.array(["a", "b"]), vector=np.zeros((3, 2)))
    with pytest.raises(TableError, match=r"\(2,\) and vector \(3, 2\)"):
        read_vectors(path)
    np.savez(path, ids=np.array(["a"]))
    with pytest.raises(TableError, match="no array 'track_id', found ids"):
        read_vectors(path)
    np.savez(path, track_id=np.array(["a"]), vector=np.array([["x"]]))
    with pytest.raises(TableError, match="of type"):
        read_vectors(path)
    np.savez(path, track_id=np.array(["a"], object), vector=np.zeros((1, 2)))  # would need pickle
    with pytest.raises(TableError, match="not a readable"):
        read_vectors(path)
    with pytest.raises(TableError, match="no such file"):
        read_vectors(tmp_path / "none.npz")


@given(
    data=st.binary(max_size=200),
    suffix=st.sampled_from([".npz", ".parquet"]),
    head=st.sampled_from([b"", b"PK\x03\x04", b"PAR1"]),
)
def test_random_bytes(data: bytes, suffix: str, head: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / f"vectors{suffix}"
    path.write_bytes(head + data)
    with pytest.raises(TableError):
        read_vectors(path)
