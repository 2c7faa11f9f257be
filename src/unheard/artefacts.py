"""Write and read artefacts, the files that pass results from one stage to the next.

An artefact is one safetensors file: named arrays, the id lists they are indexed by, and a JSON header with its kind,
its format version, the configuration that made it, its workspace and a checksum of each array (checksums.py). No
pickle. Files are written under a temporary name and renamed, so a reader sees the old file or the new one and never a
part of one. The header is checked whenever a file is opened, an array whenever it is read. Version 1 had no checksums.
"""

from __future__ import annotations

import json
import math
import mmap
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unheard.atomic_files import atomic_path
from unheard.checksums import check_owner, owner_of, seal, unseal
from unheard.errors import UserError
from unheard.ids import IdMap

FORMAT_VERSION = 2
DTYPES = {
    "F32": np.float32, "F64": np.float64, "I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64,
    "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64, "BOOL": np.bool_,
}  # fmt: skip
ALIGNMENT = 8  # bytes


@dataclass(frozen=True)
class Artefact:
    """The content of an artefact, as `load` returns it."""

    kind: str
    config: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    ids: dict[str, IdMap]


def save(
    path: Path,
    kind: str,
    *,
    config: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    ids: Mapping[str, IdMap] | None = None,
) -> None:
    """Write one artefact atomically. The same content gives the same bytes."""
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, id_map in (ids or {}).items():
        encoded = [text.encode() for text in id_map]
        tensors[f"ids.{name}"] = np.frombuffer(b"".join(encoded), np.uint8)
        tensors[f"ids.{name}.lengths"] = np.array([len(text) for text in encoded], np.int32)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"unheard": _header_text(path, kind, config, tensors)})


def _header_text(path: Path, kind: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the header of an artefact, with the checksums of its arrays."""
    header = {
        "kind": kind,
        "version": FORMAT_VERSION,
        "config": dict(config),
        "owner": owner_of(path),
        "arrays": {name: _checksum(name, array) for name, array in arrays.items()},
    }
    return seal(json.dumps(header, sort_keys=True))


def save_streamed(path: Path, kind: str, *, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write one artefact as `save` does, without a second copy of large arrays in memory."""
    codes = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))  # so that all are aligned
    entries: dict[str, Any] = {"__metadata__": {"unheard": _header_text(path, kind, config, arrays)}}
    at = 0
    for name, array in ordered:
        entries[name] = {
            "dtype": codes[array.dtype], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]
        }  # fmt: skip
        at += array.nbytes
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in ordered:
            file.write(bytes_of(np.ascontiguousarray(array)))


def bytes_of(array: NDArray[Any]) -> memoryview:
    """Return the bytes of a contiguous array, not copied."""
    return memoryview(array.reshape(-1).view(np.uint8).data)


def load(path: Path, kind: str) -> Artefact:
    """Read one artefact; raise UserError if it is damaged, of another kind or workspace, or of a newer format."""
    with _named_if_unreadable(path):
        with safe_open(path, framework="numpy") as file:
            header = _checked(path, _header(file), kind)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        _check_arrays(path, header, arrays)
        ids = {name.removeprefix("ids."): _ids(arrays, name) for name in list(arrays) if _names_ids(name)}
    return Artefact(kind, header["config"], arrays, ids)


def load_mapped(path: Path, kind: str, *, checked: bool = True) -> Artefact:
    """Read one artefact as `load` does, with read-only arrays that are mapped: processes share their pages.

    Id lists are left out. The file may be replaced, not written to, while it is mapped. Without `checked` the arrays
    are not read, so damage inside them is not found.
    """
    with _named_if_unreadable(path):
        with safe_open(path, framework="numpy") as file:
            header = _checked(path, _header(file), kind)
        with path.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            entries = json.loads(opened.read(length))
            mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        arrays = {
            name: np.frombuffer(
                mapped, DTYPES[entry["dtype"]], math.prod(entry["shape"]), 8 + length + entry["data_offsets"][0]
            ).reshape(entry["shape"])
            for name, entry in entries.items()
            if name != "__metadata__" and not name.startswith("ids.")
        }
        if checked:
            _check_arrays(path, header, arrays, left_out="ids.")
    return Artefact(kind, header["config"], arrays, {})


def read_config(path: Path, kind: str) -> dict[str, Any]:
    """Return the configuration of an artefact without reading its arrays; raise UserError as `load` does."""
    return read_header(path, kind)[0]


def read_header(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Return the configuration of an artefact and the shape of each array, reading none; UserError as `load`."""
    with _named_if_unreadable(path), safe_open(path, framework="numpy") as file:
        config: dict[str, Any] = _checked(path, _header(file), kind)["config"]
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    return config, shapes


def _header(file: Any) -> Any:
    return unseal((file.metadata() or {}).get("unheard", "null"))


@contextmanager
def _named_if_unreadable(path: Path) -> Iterator[None]:
    """Raise UserError, which names the file, if it is no whole artefact."""
    try:
        yield
    except (SafetensorError, KeyError, TypeError, ValueError, OSError, OverflowError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).replace("\n", " ")
        raise UserError(f"{path}: not an unheard artefact ({reason}); delete it and run its stage again") from error


def _checked(path: Path, header: Any, kind: str) -> dict[str, Any]:
    """Return the header; raise UserError for another kind or workspace, or a newer format."""
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else None
        raise UserError(f"{path}: expected an artefact of kind {kind!r}, found {found!r}; name another file")
    version, config = header.get("version"), header.get("config")
    if type(version) is not int or not isinstance(config, dict):
        raise ValueError(f"expected a version and a configuration, found {version!r} and {type(config).__name__}")
    if version > FORMAT_VERSION:
        raise UserError(f"{path}: format version {version} is newer than {FORMAT_VERSION}; update unheard to read it")
    if (version > 1) != ("arrays" in header):
        raise ValueError(f"format version {version} with{'' if 'arrays' in header else 'out'} checksums")
    check_owner(path, header.get("owner", ""))
    return header


def _checksum(name: str, array: NDArray[Any]) -> int:
    """Return the checksum of an array and of its name, type and shape."""
    about = f"{name} {array.dtype.str} {list(array.shape)}".encode()
    return zlib.crc32(bytes_of(np.ascontiguousarray(array)), zlib.crc32(about))


def _check_arrays(path: Path, header: dict[str, Any], arrays: Mapping[str, NDArray[Any]], left_out: str = "?") -> None:
    """Raise UserError unless the arrays are those that were written; of version 1 nothing is known."""
    if header["version"] == 1:
        return
    expected = {name: found for name, found in header["arrays"].items() if not name.startswith(left_out)}
    damaged = sorted(name for name, array in arrays.items() if expected.get(name) != _checksum(name, array))
    damaged += sorted(expected.keys() - arrays.keys())
    if damaged:
        what = ", ".join(damaged)[:120]
        raise UserError(f"{path}: damaged ({what}: other than its checksum); delete it and run its stage again")


def kind_of(path: Path) -> str:
    """Return the kind of an artefact; UserError if its header is damaged."""
    with _named_if_unreadable(path), safe_open(path, framework="numpy") as file:
        header = _header(file)
        if not isinstance(header, dict):
            raise ValueError("it has no header of unheard")
    return str(header.get("kind"))


def has_checksums(path: Path) -> bool:
    """Return whether an artefact that can be read has checksums; those of version 1 have none."""
    with safe_open(path, framework="numpy") as file:
        return bool(_header(file)["version"] > 1)


def _names_ids(name: str) -> bool:
    return name.startswith("ids.") and not name.endswith(".lengths")


def _ids(arrays: dict[str, NDArray[Any]], name: str) -> IdMap:
    """Remove one id list from `arrays` and return it."""
    blob, lengths = arrays.pop(name).tobytes(), arrays.pop(f"{name}.lengths")
    ends = np.cumsum(lengths, dtype=np.int64)
    if (lengths < 0).any() or (ends[-1] if len(ends) else 0) != len(blob):
        raise ValueError(f"the lengths of {name} do not add up to {len(blob)} bytes")
    return IdMap(blob[end - length : end].decode() for end, length in zip(ends, lengths, strict=True))
