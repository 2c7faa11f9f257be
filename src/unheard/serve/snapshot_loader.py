"""Load a workspace for serving. Does not import torch.

Loading takes about a second of Python for 10,000 tracks, which would block every other thread. A server that already
has a snapshot therefore loads the next one in another process and only unpickles the result. The process of a large
catalogue stores the result in a file, which the server opens (stored_snapshot.py).
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

from unheard.errors import UserError
from unheard.inference.predictions import can_encode_files
from unheard.recommend.catalogue import Candidates
from unheard.recommend.models import without_part
from unheard.recommend.options import ListOptions
from unheard.serve.browse_index import BrowseIndex
from unheard.serve.stored_snapshot import is_large, open_snapshot, store_snapshot
from unheard.session import Session
from unheard.workspace import Workspace

POLL_EVERY_S = 0.2
NICENESS = 5
KINDS_OF_LISTS: tuple[Candidates, ...] = ("cold", "warm")  # of the page of a track
Contents = tuple[Session, BrowseIndex]  # of a snapshot


def load(workspace: Workspace, split: str | None, model: str | None) -> Contents:
    """Return a session of the workspace, and the tables for browsing its catalogue."""
    stored = open_snapshot(workspace, split, model)
    if stored is not None:
        return stored
    session = Session(workspace.root, split=split, model=model)
    return session, BrowseIndex(session.catalogue)


def warm_up(session: Session) -> None:
    """Compute what the first request would otherwise wait for."""
    catalogue = session.catalogue
    if len(catalogue):
        first = catalogue.tracks.ids[int(np.argmax(catalogue.warm.known))]
        session.neighbours(first, n=1)
        for which in KINDS_OF_LISTS:
            with suppress(UserError):  # no candidate of this kind
                session.neighbours(first, options=ListOptions(n=1, candidates=which))
        if session.has_space:
            session.near_on_map(first, options=ListOptions(n=1))


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
        loaded = cast("Contents | None", ours.recv())
        if loaded is None:
            loaded = open_snapshot(workspace, split, model, must_be_current=False)
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
        if is_large(workspace) and store_snapshot(workspace, split, model):
            pipe.send(None)
            return
        session, browse_index = load(workspace, split, model)
        warm_up(session)
        prepare_all(session, browse_index)
        pipe.send((session, browse_index))
    pipe.close()


def has_new_tracks(session: Session) -> bool:
    """Return whether the session's model has to predict tracks that were scanned after its training, and can."""
    split, model = session.catalogue.split.name, without_part(session.model)
    return can_encode_files(session.workspace, split, model) and session.has_unpredicted_tracks
