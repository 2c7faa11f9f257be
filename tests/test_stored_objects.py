"""What is read of stored objects is what was written; nothing else is ever made; damage is found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard import artefacts
from unheard.errors import UserError
from unheard.ids import IdMap, StoredIds
from unheard.stored_objects import Conversions, is_damaged, load_objects, save_objects, table
from unheard.strings import Strings


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any

    @cached_property
    def both(self) -> tuple[Any, Any]:
        return self.left, self.right


@dataclass(frozen=True)
class Stranger:
    value: int = 1


CLASSES = table([Pair, Strings, StoredIds])
CONVERSIONS: Conversions = {IdMap: StoredIds}


def stored(path: Path, root: object) -> Any:
    save_objects(path, "test", root, CLASSES, config={"made": "here"}, conversions=CONVERSIONS)
    found, config = load_objects(path, "test", CLASSES)
    assert config["made"] == "here"
    assert not is_damaged(path, "test")
    return found


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.tuples(st.text(), st.booleans()), inside, max_size=3)
        | st.builds(Pair, inside, inside)
    ),
    max_leaves=8,
)


@given(plain)
def test_plain_values(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    assert stored(tmp_path_factory.mktemp("plain") / "x.safetensors", value) == value


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float32, np.float64])
def test_arrays_are_mapped_and_shared(tmp_path: Path, dtype: type) -> None:
    array: NDArray[Any] = np.arange(12).reshape(3, 4).astype(dtype)
    tree = {"all": array, "turned": array.T, "none": array[:0], "one": Pair(array, [array])}
    found = stored(tmp_path / "x.safetensors", tree)
    for name in ("all", "turned", "none"):
        np.testing.assert_array_equal(found[name], tree[name])
        assert found[name].dtype == dtype
    assert found["one"].left is found["one"].right[0] is found["all"]  # stored once
    assert not found["all"].flags.writeable
    assert not found["all"].flags.owndata


def test_sparse_matrices_ids_and_cached_values(tmp_path: Path) -> None:
    matrix = csr_matrix(np.array([[0, 1, 0], [2, 0, 3]], np.float32))
    pair = Pair(matrix, frozenset({"b", "a"}))
    _ = pair.both
    ids = IdMap(["b", "a"])
    found = stored(tmp_path / "x.safetensors", [pair, matrix, ids, pair, ids, matrix.tocsc()])
    first, same, names, again, same_names, by_column = found
    assert (first.left != matrix).nnz == 0
    assert first is again
    assert first.left is same
    assert names is same_names
    assert list(names) == ["b", "a"]
    assert vars(first)["both"] == (same, first.right)
    assert first.right == {"a", "b"}
    assert (by_column != matrix.tocsc()).nnz == 0


def test_only_named_classes_are_stored_or_made(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(TypeError, match="Stranger"):
        stored(path, [Stranger()])
    assert not path.exists()
    save_objects(path, "test", Stranger(), table([Stranger]), config={}, conversions={})
    with pytest.raises(UserError, match="delete it"):
        load_objects(path, "test", CLASSES)


def test_damage_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    stored(path, {"name": "value", "array": np.arange(1000, dtype=np.int64)})
    good = path.read_bytes()
    for damaged in (good[:-8], good[:100], b"", good.replace(b"value", b"eulav")):
        path.write_bytes(damaged)
        with pytest.raises(UserError):
            load_objects(path, "test", CLASSES)
    path.write_bytes(good[:-80] + b"x" + good[-79:])
    load_objects(path, "test", CLASSES)  # the arrays are not read
    assert is_damaged(path, "test")
    path.write_bytes(good)
    with pytest.raises(UserError, match="kind"):
        load_objects(path, "other", CLASSES)


def test_a_streamed_artefact_is_an_artefact(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "a": np.arange(3, dtype=np.int8), "b": np.eye(2), "c": np.zeros((0, 4), np.float32), "d": np.array([True])
    }  # fmt: skip
    artefacts.save_streamed(tmp_path / "x.safetensors", "test", config={"one": 1}, arrays=arrays)
    for read in (artefacts.load, artefacts.load_mapped):
        found = read(tmp_path / "x.safetensors", "test")
        assert found.config == {"one": 1}
        assert found.arrays.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found.arrays[name], array)
            assert found.arrays[name].dtype == array.dtype
