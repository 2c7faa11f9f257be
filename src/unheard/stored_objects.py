"""Store a tree of objects in one file whose arrays are mapped when it is opened: opening takes milliseconds.

The file is an artefact (artefacts.py): its arrays are those of all objects, and its configuration holds the tree in
JSON, in which arrays are named by numbers. Only classes of a table that the reader gives are made, by setting their
attributes, so a file cannot make anything else (no pickle). An object that is named twice is stored once.

    scalars                as they are
    [kind, ...]            everything else: array, tuple, list, set, dict, sparse (matrix), object (of the table), ref
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from unheard.artefacts import load_mapped, save_streamed
from unheard.errors import UserError

Classes = Mapping[str, type]
Conversions = Mapping[type, Callable[[Any], object]]
SPARSE = {"csr": csr_matrix, "csc": csc_matrix}


def table(classes: Collection[type]) -> Classes:
    """Return classes by name."""
    return {one.__qualname__: one for one in classes}


def save_objects(
    path: Path, kind: str, root: object, classes: Classes, *, config: Mapping[str, Any], conversions: Conversions
) -> None:
    """Write a tree of objects atomically; TypeError for an object whose class is not in the table.

    conversions  what is stored in place of the objects of some classes
    """
    writer = _Writer(classes, conversions)
    tree = writer.encode(root)
    arrays = {f"{number:05d}": array for number, array in enumerate(writer.arrays)}
    save_streamed(path, kind, config={"tree": tree, "config": dict(config)}, arrays=arrays)


def load_objects(path: Path, kind: str, classes: Classes) -> tuple[Any, dict[str, Any]]:
    """Return the tree and the configuration of a file, with read-only arrays that are mapped.

    UserError if it is damaged or names a class that is not in the table. The bytes of arrays are not read, so damage
    inside them is not found; `is_damaged` finds it.
    """
    found = load_mapped(path, kind, checked=False)
    try:
        return _Reader(classes, found.arrays).decode(found.config["tree"]), found.config["config"]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"{path}: not what was stored ({error!r:.200}); delete it") from error


def is_damaged(path: Path, kind: str) -> bool:
    """Return whether a file is other than what was written; reads the whole file."""
    try:
        load_mapped(path, kind)
    except UserError:
        return True
    return False


class _Writer:
    def __init__(self, classes: Classes, conversions: Conversions) -> None:
        self._names = {one: name for name, one in classes.items()}
        self._conversions = conversions
        self._numbers: dict[int, int] = {}  # of objects that were met, by their id()
        self._kept: list[object] = []  # so that no other object gets their id()
        self.arrays: list[NDArray[Any]] = []

    def encode(self, value: object) -> Any:
        if value is None or type(value) in (bool, int, float, str):
            return value
        if id(value) in self._numbers:
            return ["ref", self._numbers[id(value)]]
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, csr_matrix | csc_matrix):
            self._number(value)
            return ["sparse", value.format, list(value.shape), *map(self.encode, _parts_of(value))]
        if type(value) in (tuple, list):
            return [type(value).__name__, [self.encode(one) for one in value]]  # type: ignore[attr-defined]
        if isinstance(value, frozenset | set):
            return ["set", [self.encode(one) for one in sorted(value)]]
        if type(value) is dict:
            return ["dict", [[self.encode(key), self.encode(one)] for key, one in value.items()]]
        if isinstance(value, np.generic):
            return self.encode(value.item())
        self._number(value)
        if type(value) in self._conversions:
            value = self._conversions[type(value)](value)
        name = self._names.get(type(value))
        if name is None:
            raise TypeError(f"{type(value).__qualname__}: not in the table of classes that are stored")
        return ["object", name, [[key, self.encode(one)] for key, one in state_of(value).items()]]

    def _array(self, value: NDArray[Any]) -> Any:
        self._number(value)
        if value.dtype == object or value.dtype.hasobject:
            raise TypeError("an array of objects cannot be stored")
        self.arrays.append(np.ascontiguousarray(value).reshape(value.shape))
        return ["array", f"{len(self.arrays) - 1:05d}"]

    def _number(self, value: object) -> None:
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)


class _Reader:
    def __init__(self, classes: Classes, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._classes, self._arrays = classes, arrays
        self._met: list[Any] = []

    def decode(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        kind, *rest = value
        match kind:
            case "array":
                return self._add(self._arrays[rest[0]])
            case "tuple":
                return tuple(self._decode_all(rest[0]))
            case "list":
                return self._decode_all(rest[0])
            case "set":
                return frozenset(self._decode_all(rest[0]))
            case "dict":
                return {self.decode(key): self.decode(one) for key, one in rest[0]}
            case "ref":
                return self._met[rest[0]]
            case "sparse":
                return self._sparse(*rest)
            case "object":
                found = self._add(object.__new__(self._classes[rest[0]]))
                for key, one in rest[1]:
                    object.__setattr__(found, key, self.decode(one))
                return found
        raise ValueError(f"unknown kind {kind!r}")

    def _decode_all(self, values: list[Any]) -> list[Any]:
        return [self.decode(one) if isinstance(one, list) else one for one in values]

    def _sparse(self, form: str, shape: list[int], *parts: Any) -> Any:
        number = len(self._met)
        self._met.append(None)  # its own arrays are numbered after it
        data, indices, indptr = (self.decode(part) for part in parts)
        found = SPARSE[form]((data, indices, indptr), shape=tuple(shape), copy=False)
        self._met[number] = found
        return found

    def _add(self, value: Any) -> Any:
        self._met.append(value)
        return value


def state_of(value: object) -> dict[str, Any]:
    """Return the attributes of an object, cached properties included; those that it pickles if it says so."""
    if "__getstate__" in type(value).__dict__:
        return dict(value.__getstate__())  # type: ignore[call-overload,no-any-return]
    slots = [name for name in getattr(type(value), "__slots__", ()) if not name.startswith("__")]
    return {name: getattr(value, name) for name in slots} if slots else dict(vars(value))


def _parts_of(matrix: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return matrix.data, matrix.indices, matrix.indptr
