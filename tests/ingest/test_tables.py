"""Test tables, and error messages with the row and the fix."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.errors import TableError
from unheard.ingest.tables import column_names, parse_number, read_rows


def rows(path: Path, required: tuple[str, ...] = ("a", "b"), optional: tuple[str, ...] = ("c",)) -> list:
    return list(read_rows(path, required=required, optional=optional))


def csv(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_rows_of_a_csv(start: bytes, end: bytes, tmp_path: Path) -> None:
    path = csv(tmp_path, start + end.join([b"b,x,a", b"1,,2", b"", '"ü, ""v""",y, 3 '.encode(), b""]))
    assert rows(path) == [(2, {"a": "2", "b": "1", "c": ""}), (4, {"a": "3", "b": 'ü, "v"', "c": ""})]
    assert column_names(path) == ["b", "x", "a"]


@pytest.mark.parametrize(
    ("content", "row", "message"),
    [
        ("", None, "empty"),
        ("\n\n", None, "empty"),
        ("a,b\n", None, "no rows"),
        ("a,x\n1,2\n", None, "no column 'b', found a, x"),
        ("a;b\n1;2\n", None, "no column 'a', found a;b"),
        ("a,b,a\n1,2,3\n", 1, "column 'a' occurs twice"),
        ("a,b\n1,2\n1\n", 3, "1 fields, the header has 2"),
        ("a,b\n1,2\n1,2,3\n", 3, "3 fields, the header has 2"),
        (b"a,b\n1,2\n\xff\xfe,2\n", 3, "not UTF-8"),
        ('a,b\n1,2\n"1,2\n', 3, "not CSV"),
    ],
)
def test_bad_csv(content: str | bytes, row: int | None, message: str, tmp_path: Path) -> None:
    path = csv(tmp_path, content)
    with pytest.raises(TableError) as caught:
        rows(path)
    assert caught.value.row == row
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_parquet_gives_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"b": ["x", None], "a": [1, 2], "c": [0.5, None], "other": [1, 2]}), path)
    assert rows(path) == [(1, {"a": "1", "b": "x", "c": "0.5"}), (2, {"a": "2", "b": "", "c": ""})]


def test_bad_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(TableError, match="not a parquet file"):
        rows(path)
    path.write_bytes(b"")
    with pytest.raises(TableError, match="empty"):
        rows(path)
    pq.write_table(pa.table({"a": ["x"]}), path)
    with pytest.raises(TableError, match="no column 'b', found a"):
        rows(path)
    pq.write_table(pa.table({"a": pa.array([], pa.string()), "b": pa.array([], pa.string())}), path)
    with pytest.raises(TableError, match="no rows"):
        rows(path)


def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        rows(tmp_path / "none.csv")


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "", "1,5", "x"])
def test_numbers_have_to_be_finite(text: str) -> None:
    with pytest.raises(TableError, match="row 7") as caught:
        parse_number(Path("t.csv"), 7, "weight", text)
    assert "weight" in str(caught.value)


@given(
    data=st.binary(max_size=300),
    suffix=st.sampled_from([".csv", ".parquet"]),
    head=st.sampled_from([b"", b"a,b\n", b"PAR1"]),
)
def test_random_bytes_are_rows_or_a_table_error(
    data: bytes, suffix: str, head: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(head + data)
    with suppress(TableError):
        assert all(set(values) == {"a", "b", "c"} for _, values in rows(path))
