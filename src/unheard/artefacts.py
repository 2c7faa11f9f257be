"""Write and read artefacts, the files that pass results from one stage to the next.

An artefact is one safetensors file: named arrays, the id lists they are indexed by, and a JSON header with its kind,
its format version and the configuration that made it. No pickle. Files are written under a temporary name and renamed,
so a reader sees the old file or the new one and never a part of one.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unheard.errors import UserError
from unheard.ids import IdMap

FORMAT_VERSION = 1
DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U64": np.uint64, "BOOL": np.bool_}


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` on success, delete it on an exception.

    mode  permissions of the file, of which the umask takes some away
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")  # of this writer alone
    with _write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(mode)
        mode = temporary.stat().st_mode  # follows the umask; safetensors creates files that only their owner may read
    try:
        yield temporary
        with _write_errors(path):
            temporary.chmod(mode)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a UserError that names `path`, not the temporary file."""
    try:
        yield
    except OSError as error:
        advice = "make its folder writable, or name another file"
        raise UserError(f"{path}: cannot be written ({error.strerror}); {advice}") from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with LF line ends, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write JSON atomically; raise ValueError for NaN, which other programs cannot read."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False) + "\n")


def read_json(path: Path, *, format: str, version: int) -> dict[str, Any]:  # noqa: A002 - the key in the file
    """Return a JSON object that names its format and version.

    Raise OSError for a file that cannot be read, ValueError for other content.
    """
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or values.get("format") != format:
        raise ValueError(f"expected a JSON object of the format {format!r}")
    if values.get("version") != version:
        raise ValueError(f"version {values.get('version')}, expected {version}; update unheard")
    return values


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
    header = {"kind": kind, "version": FORMAT_VERSION, "config": dict(config)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"unheard": json.dumps(header, sort_keys=True)})


def load(path: Path, kind: str) -> Artefact:
    """Read one artefact; raise UserError if it is damaged, of another kind, or of a newer format."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = _header(file)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        ids = {name.removeprefix("ids."): _ids(arrays, name) for name in list(arrays) if _names_ids(name)}
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    return Artefact(kind, _checked(path, header, kind)["config"], arrays, ids)


def load_mapped(path: Path, kind: str) -> Artefact:
    """Read one artefact as `load` does, with read-only arrays that are mapped: processes share their pages.

    Id lists are left out. The file may be replaced, not written to, while it is mapped.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = _header(file)
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
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    return Artefact(kind, _checked(path, header, kind)["config"], arrays, {})


def read_config(path: Path, kind: str) -> dict[str, Any]:
    """Return the configuration of an artefact without reading its arrays; raise UserError as `load` does."""
    return read_header(path, kind)[0]


def read_header(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """Return the configuration of an artefact and the shape of each array, reading none; UserError as `load`."""
    try:
        with safe_open(path, framework="numpy") as file:
            header = _header(file)
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, error) from error
    return _checked(path, header, kind)["config"], shapes


def _header(file: Any) -> Any:
    return json.loads((file.metadata() or {}).get("unheard", "null"))


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not an unheard artefact ({error}); delete it and run its stage again")


def _checked(path: Path, header: Any, kind: str) -> dict[str, Any]:
    """Return the header; raise UserError for another kind or a newer format."""
    if not isinstance(header, dict) or header.get("kind") != kind:
        found = header.get("kind") if isinstance(header, dict) else None
        raise UserError(f"{path}: expected an artefact of kind {kind!r}, found {found!r}; name another file")
    if header["version"] > FORMAT_VERSION:
        raise UserError(
            f"{path}: format version {header['version']} is newer than {FORMAT_VERSION}; update unheard to read it"
        )
    return header


def problem_with(path: Path) -> str | None:
    """Return what is wrong with an artefact of any kind, or None."""
    try:
        with safe_open(path, framework="numpy") as file:
            kind = json.loads((file.metadata() or {}).get("unheard", "{}")).get("kind", "?")
        load(path, kind)
    except (SafetensorError, ValueError, OSError, UserError) as error:
        return str(error)
    return None


def _names_ids(name: str) -> bool:
    return name.startswith("ids.") and not name.endswith(".lengths")


def _ids(arrays: dict[str, NDArray[Any]], name: str) -> IdMap:
    """Remove one id list from `arrays` and return it."""
    blob, lengths = arrays.pop(name).tobytes(), arrays.pop(f"{name}.lengths")
    ends = np.cumsum(lengths, dtype=np.int64)
    return IdMap(blob[end - length : end].decode() for end, length in zip(ends, lengths, strict=True))
