"""Reading a workspace without hearing anything, and noticing that it has to be read again. Loads no torch."""

from __future__ import annotations

import numpy as np

from unheard.library import open_library
from unheard.recommend.build import ORACLE, trained_models
from unheard.recommend.catalogue import load_catalogue
from unheard.session import Session
from unheard.training.predict import hears_files, load_predictions
from unheard.workspace import Workspace

Versions = tuple[tuple[str, int, int], ...]


def open_session(workspace: Workspace, split: str | None, model: str | None) -> Session:
    """A session over what is stored."""
    full = workspace.factors_path("full").is_file()
    catalogue = load_catalogue(workspace, split, need_full=full or model == ORACLE)
    return Session(workspace.root, model=model, catalogue=catalogue)


def warm(session: Session) -> None:
    """Have everything computed that the first question would wait for."""
    catalogue = session.catalogue
    if len(catalogue):
        session.neighbours(catalogue.tracks.ids[int(np.argmax(catalogue.warm.known))], n=1)


def versions(workspace: Workspace) -> Versions:
    """(path, time in ns, size) of every file that a session reads."""
    library, root = workspace.library_path, workspace.root
    files = (
        workspace.splits_path,
        library,
        library.with_name(f"{library.name}-wal"),
        *sorted((root / "factors").glob("*.safetensors")),
        *sorted((root / "models").glob("*/*/predictions.safetensors")),
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
    if session.model not in trained_models(workspace, split) or not hears_files(workspace, split, session.model):
        return False
    with open_library(workspace.library_path) as library:
        scanned, _, _ = library.spectrograms()
    heard = load_predictions(workspace, split, session.model).ids
    return any(name not in heard and name not in session.catalogue.truly_placed for name in scanned)
