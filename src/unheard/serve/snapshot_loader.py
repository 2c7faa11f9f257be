"""Load a workspace for serving, and detect that its files have changed. Does not import torch.

Loading takes about a second of Python for 10,000 tracks, which would block every other thread. A server that already
has a snapshot therefore loads the next one in another process and only unpickles the result.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import cast

import numpy as np

from unheard.inference.predictions import RANKER_FILE, can_encode_files
from unheard.recommend.models import without_part
from unheard.serve.browse_index import BrowseIndex
from unheard.session import Session
from unheard.workspace import Workspace

POLL_EVERY_S = 0.2
NICENESS = 5
Contents = tuple[Session, BrowseIndex]  # of a snapshot
FileVersions = tuple[tuple[str, int, int], ...]
# Files of a model that a session or the audio worker reads once. Others (history.json) are read
# from the disk for each request, or not by the server at all.
MODEL_FILES = (
    "predictions.safetensors",
    "scale.json",
    "estimates.safetensors",
    "checkpoint.safetensors",
    RANKER_FILE,
    "fit.json",
)


def load(workspace: Workspace, split: str | None, model: str | None) -> Contents:
    """Return a session of the workspace that is ready for requests, and the tables for browsing its catalogue."""
    session = Session(workspace.root, split=split, model=model)
    warm_up(session)
    return session, BrowseIndex(session.catalogue)


def warm_up(session: Session) -> None:
    """Compute what the first request would otherwise wait for."""
    catalogue = session.catalogue
    if len(catalogue):
        session.neighbours(catalogue.tracks.ids[int(np.argmax(catalogue.warm.known))], n=1)


def prepare_all(session: Session, browse_index: BrowseIndex, *, stopped: Callable[[], bool] = lambda: False) -> None:
    """Compute everything else that some request would wait for; end early when `stopped` returns True."""
    browse_index.prepare()
    session.measure_confidence(stopped=stopped)


def load_in_process(
    workspace: Workspace, split: str | None, model: str | None, stopping: threading.Event
) -> Contents | None:
    """Load and prepare a workspace in another process; None if that failed, or when `stopping` is set."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_load_and_send, args=(theirs, workspace, split, model), daemon=True)
    try:
        process.start()
        theirs.close()
        while not ours.poll(POLL_EVERY_S):
            if stopping.is_set():
                return None
        loaded = cast("Contents", ours.recv())
    except Exception:  # noqa: BLE001 - whatever it was: the server then loads in its own process, which reports errors
        return None
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        ours.close()
    return loaded


def _load_and_send(pipe: Connection, workspace: Workspace, split: str | None, model: str | None) -> None:
    """Run in the process. Errors are not reported here but by the server, which then loads by itself."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with suppress(Exception):
        session, browse_index = load(workspace, split, model)
        prepare_all(session, browse_index)
        pipe.send((session, browse_index))
    pipe.close()


def file_versions(workspace: Workspace) -> FileVersions:
    """Return (path, modification time in ns, size) of every file that a session reads."""
    library, root = workspace.library_path, workspace.root
    files = (
        workspace.splits_path,
        library,
        library.with_name(f"{library.name}-wal"),
        workspace.plays_dir / "playlists.parquet",
        *sorted((root / "factors").glob("*.safetensors")),
        *sorted(path for name in MODEL_FILES for path in (root / "models").glob(f"*/*/{name}")),
    )
    found = []
    for path in files:
        try:
            state = path.stat()
        except OSError:
            continue
        if state.st_size:  # an empty write-ahead log is the same as none
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(found)


def has_new_tracks(session: Session) -> bool:
    """Return whether the session's model has to predict tracks that were scanned after its training, and can."""
    split, model = session.catalogue.split.name, without_part(session.model)
    return can_encode_files(session.workspace, split, model) and bool(session.unpredicted_tracks)
