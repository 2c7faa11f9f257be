"""Artefacts come back as they were written, and nothing half-written is ever seen."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unheard import artefacts, atomic_files
from unheard.errors import UserError
from unheard.ids import IdMap


@given(
    ids=st.lists(st.text(min_size=0, max_size=20), unique=True, max_size=20),
    array=hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, min_side=0), elements=st.floats(-1, 1, width=32)),
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, ids: list[str], array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("a") / "x.safetensors"
    artefacts.save(path, "toy", config={"dim": 3}, arrays={"a": array}, ids={"track": IdMap(ids)})
    found = artefacts.load(path, "toy")
    np.testing.assert_array_equal(found.arrays["a"], array)
    assert found.arrays["a"].dtype == np.float32
    assert list(found.ids["track"]) == ids
    assert found.config == {"dim": 3}
    assert set(found.arrays) == {"a"}


def test_same_content_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        artefacts.save(
            tmp_path / name, "toy", config={"b": 1, "a": 2}, arrays={"x": np.arange(4)}, ids={"t": IdMap("abc")}
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_artefacts_are_as_readable_as_other_files(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    artefacts.save(tmp_path / "x", "toy", config={}, arrays={"x": np.zeros(1)})
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_files.atomic_path(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_with_advice(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("a") / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.safetensors"):
        artefacts.load(path, "toy")


def test_another_kind_and_a_newer_format_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    artefacts.save(path, "toy", config={}, arrays={"x": np.zeros(1)})
    with pytest.raises(UserError, match="expected an artefact of kind 'factors', found 'toy'"):
        artefacts.load(path, "factors")
    monkeypatch.setattr(artefacts, "FORMAT_VERSION", 0)
    with pytest.raises(UserError, match="update unheard"):
        artefacts.load(path, "toy")


def test_the_configuration_is_read_without_the_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    artefacts.save(path, "toy", config={"n": 1}, arrays={"x": np.zeros(3)})
    assert artefacts.read_config(path, "toy") == {"n": 1} == artefacts.load(path, "toy").config
    with pytest.raises(UserError, match="expected an artefact of kind 'other'"):
        artefacts.read_config(path, "other")
    path.write_bytes(b"broken")
    with pytest.raises(UserError, match="not an unheard artefact"):
        artefacts.read_config(path, "toy")


def test_json_without_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic_files.write_json(tmp_path / "x.json", [float("nan")])
    assert list(tmp_path.iterdir()) == []


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "queue.json"
    atomic_files.write_json(path, [0])

    def write_and_read(number: int) -> list[int]:
        atomic_files.write_json(path, [number] * 1000)
        read: list[int] = json.loads(path.read_text())
        return read

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(write_and_read, range(60)))
    assert all(len(set(one)) == 1 for one in found)
    assert [file.name for file in tmp_path.iterdir()] == ["queue.json"]
