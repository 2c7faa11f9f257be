"""Test both layouts of HDF5 patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from unheard.errors import AudioError, Reason, TableError
from unheard.ingest.patches import PatchFile
from unheard.workspace import Settings

PATCHES = np.random.default_rng(0).random((5, 513, 256), np.float32)


def h5(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, data in datasets.items():
            file.create_dataset(name.replace("__", "/"), data=data)
    return path


def read(path: Path) -> dict[str, np.ndarray]:
    with PatchFile(path, Settings()) as file:
        return {name: np.stack(list(file.patches(name))) for name in file.ids}


@pytest.mark.parametrize("kind", [object, "S4"])
def test_ids_beside_patches_need_not_be_neighbours(kind: Any, tmp_path: Path) -> None:
    names = np.array(["b", "a", "b", "b", "a"], kind)
    found = read(h5(tmp_path / "p.h5", patches=PATCHES, track_id=names))
    assert list(found) == ["b", "a"]
    np.testing.assert_array_equal(found["b"], PATCHES[[0, 2, 3]].transpose(0, 2, 1))
    np.testing.assert_array_equal(found["a"], PATCHES[[1, 4]].transpose(0, 2, 1))


def test_a_dataset_per_track(tmp_path: Path) -> None:
    found = read(h5(tmp_path / "p.h5", b=PATCHES[:2].astype(np.float64), a=PATCHES[2:], artist__c=PATCHES[:1]))
    assert list(found) == ["a", "artist/c", "b"]
    np.testing.assert_array_equal(found["a"], PATCHES[2:].transpose(0, 2, 1))


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({}, "no patches"),
        ({"a": np.zeros((2, 256, 513))}, r"shape \(2, 256, 513\).*\(n, 513, 256\)"),
        ({"a": np.zeros((0, 513, 256))}, "shape"),
        ({"a": np.zeros(3)}, "shape"),
        ({"a": 1.0}, "shape"),
        ({"patches": PATCHES, "track_id": [b"a", b"b"]}, "5 patches, but 2 track ids"),
        ({"patches": PATCHES[:2], "track_id": [b"a", b""]}, "row 2: track_id is empty"),
    ],
)
def test_bad_layouts(datasets: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message):
        PatchFile(h5(tmp_path / "p.h5", **datasets), Settings())


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_bad_magnitudes(value: float, tmp_path: Path) -> None:
    patches = PATCHES.copy()
    patches[3, 100, 7] = value
    with PatchFile(h5(tmp_path / "p.h5", a=patches, b=PATCHES[:1]), Settings()) as file:
        assert len(list(file.patches("b"))) == 1
        with pytest.raises(AudioError, match="patch 3") as caught:
            list(file.patches("a"))
    assert caught.value.reason is Reason.BAD_VALUES


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + bytes(500), b"text"])
def test_not_hdf5(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.h5"
    path.write_bytes(content)
    with pytest.raises(TableError, match="not an HDF5 file"):
        PatchFile(path, Settings())
    with pytest.raises(TableError, match="no such file"):
        PatchFile(tmp_path / "none.h5", Settings())
