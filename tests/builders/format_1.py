"""Read and change a workspace of format 1 with plain SQL, without the code under test."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.checksums import read_sealed
from unheard.features.store import FeatureStore
from unheard.library import Failure, Library
from unheard.plays.storage import read_plays
from unheard.spectrograms.store import open_store
from unheard.workspace import Workspace

TABLES = ("tracks", "failures", "spectrograms", "vectors", "marks", "plays")


@contextmanager
def database(root: Path, name: str = "library.sqlite") -> Iterator[sqlite3.Connection]:
    """Open a library; what is changed is committed."""
    with closing(sqlite3.connect(root / name)) as db, db:
        yield db


def rows_of(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table of format 1."""
    with database(root) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES}


def other_files(root: Path) -> dict[str, str]:
    """Return the hash of every file that format 1 reads beside the library."""
    own = {"library.sqlite", "library.sqlite-wal", "library.sqlite-shm"}
    new = ("backup-format-1", "features", "mels", "plays", "locks")
    found = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in own]
    relative = [path.relative_to(root) for path in found]
    kept = [path for path in relative if path.parts[0] not in new and not path.name.endswith(".partial")]
    return {path.as_posix(): sha256((root / path).read_bytes()).hexdigest() for path in kept}


def version_of(root: Path) -> int:
    """Return the format that workspace.json names."""
    return int(json.loads((root / "workspace.json").read_text())["version"])


def contents(root: Path) -> dict[str, Any]:
    """Return everything that a workspace of format 2 holds, to be compared."""
    workspace, found = Workspace.open(root), dict[str, Any]()
    store = FeatureStore(workspace.features_dir)
    for kind in store.kinds():
        features = store.read(kind)
        found[f"features {kind}"] = [list(features.ids), features.values.tobytes()]
    with Library(workspace.library_path) as library:
        tracks = tuple(library.tracks().items)
        failures: list[Failure] = library.failures()
        mels = open_store(workspace, library)
    frames = {track_id: mels.frames(row).tobytes() for row, track_id in enumerate(mels.ids)}
    return found | {"tracks": tracks, "failures": failures, "mels": frames, "plays": list(read_plays(workspace))}


def name_format_1(root: Path) -> None:
    """Let workspace.json name format 1, without the checksum and the id that format 2 has."""
    values = read_sealed(root / "workspace.json")
    (root / "workspace.json").write_text(
        json.dumps({key: values[key] for key in values if key != "id"} | {"version": 1})
    )


def write_mels(root: Path, frames: NDArray[Any]) -> None:
    """Replace mels.bin."""
    (root / "mels.bin").write_bytes(np.ascontiguousarray(frames).tobytes())
