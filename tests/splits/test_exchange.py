"""Tests of splits.json, the exchange format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard.errors import MissingStageError, UserError
from unheard.splits import Split, load_split, read_splits, write_splits
from unheard.workspace import Workspace

USE = {"train": [0], "val": [1], "test": [2]}
GOOD = {"fold": {"a": 0, "b": 1, "c": 2}, "use": USE}


def written(folder: Path, value: object) -> Path:
    path = folder / "splits.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_the_file_is_the_exchange_format(tmp_path: Path) -> None:
    split = Split("mine", {"a": 0, "é": 2}, {"train": (0, 1), "val": (), "test": (2,)})
    write_splits(tmp_path / "s.json", {"mine": split})
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == {
        "mine": {"fold": {"a": 0, "é": 2}, "use": {"train": [0, 1], "val": [], "test": [2]}}
    }


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), st.integers(0, 2)), st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_file_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, fold: dict[str, int], cutoff: float
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.json"
    split = Split("s.1", {**fold, "x": 0, "y": 2}, {"train": (0,), "val": (1,), "test": (2,)}, cutoff)
    write_splits(path, {"s.1": split})
    assert read_splits(path) == {"s.1": split}


def test_other_keys_a_missing_val_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    value = {"group": {"a": 7}, "fold": {"a": 0, "c": 2}, "use": {"train": [0], "test": [2]}}
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"s": value}), encoding="utf-8-sig")
    assert read_splits(path)["s"] == Split("s", {"a": 0, "c": 2}, {"train": (0,), "val": (), "test": (2,)})


def test_live_may_have_nothing_to_test(tmp_path: Path) -> None:
    value = {"fold": {"a": 0}, "use": USE}
    assert read_splits(written(tmp_path, {"live": value}))["live"].fold == {"a": 0}
    with pytest.raises(UserError, match="split 'mine': no track is for test"):
        read_splits(written(tmp_path, {"mine": value}))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "holds no splits"),
        ({}, "holds no splits"),
        ({"s": []}, "expected the keys 'fold' and 'use'"),
        ({"s": {"fold": {"a": 0}}}, "expected the keys 'fold' and 'use'"),
        ({"s": {"use": USE}}, "expected the keys 'fold' and 'use'"),
        ({"s": {**GOOD, "fold": ["a"]}}, "expected the keys 'fold' and 'use'"),
        ({"s": {**GOOD, "fold": {"a": 0, "b": 5, "c": 2}}}, "fold 5 of track 'b' has no use"),
        ({"s": {**GOOD, "fold": {"a": 0.5}}}, "fold 0.5 of track 'a', expected a whole number"),
        ({"s": {**GOOD, "fold": {"a": "0"}}}, "fold '0' of track 'a', expected a whole number"),
        ({"s": {**GOOD, "fold": {"a": True}}}, "fold True of track 'a', expected a whole number"),
        ({"s": {**GOOD, "fold": {"a": [0]}}}, r"fold \[0\] of track 'a', expected a whole number"),
        ({"s": {**GOOD, "use": {**USE, "val": [0]}}}, "fold 0 has two uses"),
        ({"s": {**GOOD, "use": {**USE, "dev": [3]}}}, "unknown use 'dev'"),
        ({"s": {**GOOD, "use": {**USE, "test": 2}}}, "expected a list of fold numbers as use 'test', found 2"),
        ({"s": {**GOOD, "use": {**USE, "test": ["2"]}}}, "expected a list of fold numbers as use 'test'"),
        ({"s": {**GOOD, "use": {"val": [1], "test": [2]}}}, "expected a list of fold numbers as use 'train'"),
        ({"s": {**GOOD, "fold": {"b": 1, "c": 2}}}, "no track is for train"),
        ({"s": {**GOOD, "fold": {"a": 0, "b": 1}}}, "no track is for test"),
        ({"s": {**GOOD, "cutoff_timestamp": "2019"}}, "cutoff_timestamp is '2019', expected seconds"),
        ({"full": GOOD}, "rename it"),
        ({"../s": GOOD}, "rename it"),
        ({"": GOOD}, "rename it"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, value: Any, message: str) -> None:
    path = written(tmp_path, value)
    with pytest.raises(UserError, match=message) as caught:
        read_splits(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    for content in (b"{", b"", b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a JSON file"):
            read_splits(path)
    with pytest.raises(UserError, match="no such file"):
        read_splits(tmp_path / "missing.json")
    with pytest.raises(UserError, match="not a JSON file"):
        read_splits(tmp_path)


def test_load_split_has_a_default_and_names_what_is_there(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    with pytest.raises(MissingStageError, match="unheard split -w"):
        load_split(workspace, None)
    for names, default in ((["z", "b"], "b"), (["a", "tracks"], "tracks"), (["tracks", "artists"], "artists")):
        written(workspace.root, dict.fromkeys(names, GOOD))
        assert load_split(workspace, None).name == default
    assert load_split(workspace, "tracks").name == "tracks"
    with pytest.raises(UserError, match="no split 'trakcs'; choose one of artists, tracks"):
        load_split(workspace, "trakcs")
