"""Name the files of a workspace that a session reads, and detect that they have changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from unheard.inference.predictions import NETWORK_FILE, RANKER_FILE
from unheard.workspace import Workspace

FileVersions = tuple[tuple[str, int, int], ...]
# Files of a model that a session or the audio worker reads once. Others (history.json) are read
# from the disk for each request, or not by the server at all.
MODEL_FILES = (
    "predictions.safetensors",
    "scale.json",
    "estimates.safetensors",
    NETWORK_FILE,
    RANKER_FILE,
    "fit.json",
)


def paths_of_snapshot(workspace: Workspace) -> list[Path]:
    """Return the path of every file that a session reads; some may not exist."""
    library, root = workspace.library_path, workspace.root
    return [
        workspace.splits_path,
        library,
        library.with_name(f"{library.name}-wal"),
        workspace.plays_dir / "playlists.parquet",
        *sorted((root / "factors").glob("*.safetensors")),
        *sorted(path for name in MODEL_FILES for path in (root / "models").glob(f"*/*/{name}")),
        *sorted(path for path in workspace.features_dir.glob("*/*") if not path.name.startswith(".")),
    ]


def name_of(versions: FileVersions) -> str:
    """Return a short name of the state of the files."""
    return hashlib.blake2b(repr(versions).encode(), digest_size=16).hexdigest()


def file_versions(workspace: Workspace) -> FileVersions:
    """Return (path, modification time in ns, size) of every file that a session reads."""
    found = []
    for path in paths_of_snapshot(workspace):
        try:
            state = path.stat()
        except OSError:
            continue
        if state.st_size:  # an empty write-ahead log is the same as none
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(found)
