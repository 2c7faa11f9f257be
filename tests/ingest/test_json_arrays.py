"""Test reading a long JSON array an element at a time, against reading it whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unheard.errors import TableError
from unheard.ingest import json_arrays
from unheard.ingest.json_arrays import json_array

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@example(values=[1.5, 1e-7, -2e20, 0], chunk=2, indent=None)
@example(values=[1.5, 1e-7, -2e20, 0], chunk=1, indent=1)
@given(values=st.lists(VALUES, max_size=6), chunk=st.integers(1, 40), indent=st.sampled_from([None, 1]))
def test_elements_are_those_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], chunk: int, indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("array") / "a.json"
    path.write_text(json.dumps(values, indent=indent, ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_arrays, "CHUNK", chunk)
        assert list(json_array(path)) == values


@pytest.mark.parametrize(
    ("content", "before"),
    [
        *[("[1, 2, {", 2), ("[1, 2", 1), ("[[1], ", 1), ('{"a": 1}', 0), ("", 0), ("[1 2]", 1)],
        *[('[1, {"a": tru}, 3]', 1), ("[[[[" * 50_000, 0)],
    ],
)
def test_damaged_array_gives_what_is_before_the_damage(tmp_path: Path, content: str, before: int) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    found: list[object] = []
    elements = json_array(path)
    with pytest.raises(TableError) as error:
        while True:
            found.append(next(elements))
    assert str(path) in str(error.value)
    assert len(found) == before
    assert f"after {before} elements" in str(error.value) or "not a JSON array" in str(error.value)


@pytest.mark.parametrize("damaged", ['{"a": tru}', '{"a" 1}', '["\\x"]', '"\n"'])
def test_the_file_behind_a_damaged_element_is_not_read(
    tmp_path: Path, damaged: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    not_utf_8 = b"\xff"  # the error of whoever reads it is "cannot be read"
    path.write_bytes(f"[{damaged}, ".encode() + b"1, " * 10_000 + not_utf_8)
    monkeypatch.setattr(json_arrays, "CHUNK", 100)
    with pytest.raises(TableError, match="after 0 elements"):
        list(json_array(path))


def test_an_element_has_a_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text('[1, "' + "x" * 10_000)
    monkeypatch.setattr(json_arrays, "CHUNK", 10)
    monkeypatch.setattr(json_arrays, "MAX_ELEMENT", 1000)
    with pytest.raises(TableError, match="after 1 elements"):
        list(json_array(path))
