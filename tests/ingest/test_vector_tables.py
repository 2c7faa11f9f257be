"""Test tables of numbers as vectors, compressed or not, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

from unheard.errors import TableError
from unheard.ingest import limited
from unheard.ingest.vectors import has_vectors, read_vectors

TABLE = "id\ta\tb\nx\t1.5\t-2\ny\t0\t1e-3\n"


@pytest.mark.parametrize(("suffix", "pack"), [(".tsv", bytes), (".tsv.bz2", bz2.compress), (".tsv.gz", gzip.compress)])
def test_numbers_of_each_track(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"id_essentia{suffix}"
    assert callable(pack)
    path.write_bytes(pack(TABLE.encode()))
    assert has_vectors(path)
    ids, matrix = read_vectors(path)
    assert list(ids) == ["x", "y"]
    np.testing.assert_allclose(matrix, [[1.5, -2], [0, 1e-3]], rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id\ttags\nx\t{'rock': 1}\n", "not a table of numbers"),
        ("id\ta\nx\t1\nx\t2\n", "track_id 'x' is also in row 1"),
        ("id\ta\nx\tnan\n", "NaN or infinity"),
        ("id\ta\n", "no vectors in it"),
        ("id\nx\n", "no columns of numbers"),
        ("id\ta\nx\t1\t2\n", "not a table of numbers"),
    ],
)
def test_other_tables_are_refused_in_one_line(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "id_tags.tsv"
    path.write_text(content)
    with pytest.raises(TableError, match=problem) as error:
        read_vectors(path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds private memory on Linux alone")
def test_a_few_bytes_that_are_a_large_table_are_read_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "id_x.tsv.bz2"
    packer = bz2.BZ2Compressor(9)
    rows = [packer.compress(b"id\tv\n"), *(packer.compress(b"1\t0\n" * 1_000_000) for _ in range(6)), packer.flush()]
    path.write_bytes(b"".join(rows))
    assert path.stat().st_size < 5_000
    monkeypatch.setattr(limited, "MEMORY_BYTES", 300_000_000)
    with pytest.raises(TableError, match="not enough memory"):
        read_vectors(path)
