"""What a workspace holds, file by file, to compare workspaces that were made in different ways.

Files are compared byte for byte, except those that hold times or depend on who wrote first: of them the content is
compared. `STAMPED` names them, with the reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unheard.features.store import FeatureStore
from unheard.library import Library
from unheard.plays import read_playlists, read_plays
from unheard.spectrograms.store import open_store
from unheard.workspace import Workspace

STAMPED = {
    "library.sqlite": "pages are in the order of writing; rows are compared",
    "mels": "a kill leaves frames without an entry; the frames of each track are compared",
    "features": "shards have random names; the vectors and hashes of each track are compared",
    "plays": "the time of import is stored; plays, names and origins are compared",
    "runs.jsonl": "times; not compared, because a killed command may add no line",
    "history.json": "seconds of each epoch; all else is compared",
    "fit.json": "seconds of each member; all else is compared",
    "jobs": "times; not compared",
    "cookie.secret": "random, of each server",
}
SECONDS = {"seconds", "seconds_total", "checksum"}
IDENTITY = {"id", "checksum"}  # of workspace.json: each workspace has its own


def contents(root: Path) -> dict[str, str]:
    """Return a hash of every file or table of a workspace."""
    workspace = Workspace.open(root)
    found = {name: _digest(read(workspace)) for name, read in TABLES.items()}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        top = name.partition("/")[0]
        if (
            not path.is_file()
            or name.endswith(".partial")
            or top in {*STAMPED, "locks", ".lock", "serve.lock", "indexes", "snapshots"}
            or top.startswith("library.sqlite")
        ):
            continue
        if name == "workspace.json":
            found[name] = _digest({k: v for k, v in json.loads(path.read_text()).items() if k not in IDENTITY})
        elif path.name in STAMPED:
            found[name] = _digest(_without_seconds(json.loads(path.read_text(encoding="utf-8"))))
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _library(workspace: Workspace) -> object:
    if not workspace.library_path.is_file():
        return None
    with Library(workspace.library_path) as library:
        return [repr(track) for track in library.tracks().items], [repr(failure) for failure in library.failures()]


def _mels(workspace: Workspace) -> object:
    if not any(workspace.mels_path.glob("*.index")):
        return None
    with Library(workspace.library_path) as library:
        store = open_store(workspace, library)
    return {name: hashlib.sha256(store.frames(row).tobytes()).hexdigest() for row, name in enumerate(store.ids)}


def _features(workspace: Workspace) -> object:
    store = FeatureStore(workspace.features_dir)
    with Library(workspace.library_path) as library:
        hashes = library.source_hashes()
    found = {kind: store.read(kind, current=hashes) for kind in store.kinds()}
    return {
        kind: (list(one.ids), hashlib.sha256(np.ascontiguousarray(one.values).tobytes()).hexdigest())
        for kind, one in found.items()
    }


def _plays(workspace: Workspace) -> object:
    plays = read_plays(workspace)
    columns = (plays.playlist_rows, plays.track_rows, plays.positions, plays.weights, plays.timestamps)
    rows = [hashlib.sha256(np.ascontiguousarray(column).tobytes()).hexdigest() for column in columns]
    playlists = [(one.playlist_id, one.name, one.origin) for one in read_playlists(workspace)]
    return list(plays.playlist_ids), list(plays.track_ids), rows, playlists


TABLES: dict[str, Callable[[Workspace], object]] = {
    "tracks and failures": _library,
    "spectrograms": _mels,
    "features": _features,
    "plays": _plays,
}


def _without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_seconds(part) for name, part in value.items() if name not in SECONDS}
    return [_without_seconds(part) for part in value] if isinstance(value, list) else value


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
