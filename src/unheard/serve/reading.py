"""Reading a workspace without hearing anything, and noticing that it has to be read again. Loads no torch.

Reading is a second of Python for 10,000 tracks, and a thread that does that holds up every other. So a server that
answers already has it done by another process, and only unpacks what that one made.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

import numpy as np

from unheard.inference.predictions import RANKER_FILE, can_encode_files, load_predictions
from unheard.library import open_library
from unheard.recommend.models import trained_models, without_part
from unheard.serve.shelves import Shelves
from unheard.session import Session
from unheard.spectrograms.store import stored_ids
from unheard.workspace import Workspace

LOOK_EVERY_S = 0.2
NICENESS = 5
Reading = tuple[Session, Shelves]
Versions = tuple[tuple[str, int, int], ...]
# What a session, or the process that extracts features of uploaded files, reads of a model. Others (history.json,
# embeddings.safetensors) are read from the disk for each request, or not by the server at all.
MODEL_FILES = ("predictions.safetensors", "scale.json", "checkpoint.safetensors", RANKER_FILE, "fit.json")


def open_session(workspace: Workspace, split: str | None, model: str | None) -> Session:
    """A session over what is stored."""
    return Session(workspace.root, split=split, model=model)


def warm(session: Session) -> None:
    """Have everything computed that the first question would wait for."""
    catalogue = session.catalogue
    if len(catalogue):
        session.neighbours(catalogue.tracks.ids[int(np.argmax(catalogue.warm.known))], n=1)


def complete(session: Session, shelves: Shelves, *, stopped: Callable[[], bool] = lambda: False) -> None:
    """Have the rest computed that some question would wait for, unless `stopped` says that nobody will ask."""
    shelves.prepare()
    session.measure_confidence(stopped=stopped)


def read_apart(workspace: Workspace, split: str | None, model: str | None, stopping: threading.Event) -> Reading | None:
    """A complete reading that another process made; None if it could not, or if `stopping` was set meanwhile."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_read_and_send, args=(theirs, workspace, split, model), daemon=True)
    try:
        process.start()
        theirs.close()
        while not ours.poll(LOOK_EVERY_S):
            if stopping.is_set():
                return None
        reading: Reading = ours.recv()
    except Exception:  # noqa: BLE001 - whatever it was, the server then reads by itself and tells what is wrong
        return None
    finally:
        if process.pid is not None:
            process.kill()
            process.join()
        ours.close()
    return reading


def _read_and_send(pipe: Connection, workspace: Workspace, split: str | None, model: str | None) -> None:
    """In the process. What goes wrong is told by whoever reads again in the server."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with suppress(Exception):
        session = open_session(workspace, split, model)
        warm(session)
        shelves = Shelves(session.catalogue, workspace)
        complete(session, shelves)
        pipe.send((session, shelves))
    pipe.close()


def versions(workspace: Workspace) -> Versions:
    """(path, time in ns, size) of every file that a session reads."""
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
        if state.st_size:  # an empty write-ahead log is none
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return tuple(found)


def has_new_tracks(session: Session) -> bool:
    """Whether tracks were scanned after the session's model was trained, and it could hear them."""
    workspace, split = session.workspace, session.catalogue.split.name
    model = without_part(session.model)
    if model not in trained_models(workspace, split) or not can_encode_files(workspace, split, model):
        return False
    with open_library(workspace.library_path) as library:
        scanned = stored_ids(workspace, library)
    heard = load_predictions(workspace, split, model).ids
    return any(name not in heard and name not in session.catalogue.warm_track_ids for name in scanned)
