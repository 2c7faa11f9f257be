"""Keep the predictions of trained models up to date with the library."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch

from unheard import artefacts
from unheard.arrays import Floats, Mask
from unheard.ids import IdMap
from unheard.inference.checkpoint import KIND as NETWORK_KIND
from unheard.inference.checkpoint import Checkpoint
from unheard.inference.device import pick_device
from unheard.inference.load import checkpoint_of
from unheard.inference.lost_input import check_input
from unheard.inference.network_encoder import NetworkEncoder
from unheard.inference.predictions import (
    KIND,
    NETWORK_FILE,
    RANKER_FILE,
    Predictions,
    is_ranker,
    predictions_file,
    predictions_path,
    save_predictions,
)
from unheard.inference.ranker_checkpoint import load_ranker
from unheard.inference.ranker_encoder import Encode, write_embeddings
from unheard.inference.stored_input import StoredInput, open_input
from unheard.library import Library, open_library
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

TRACKS_AT_ONCE = 256


def update_predictions(
    workspace: Workspace,
    split: str,
    model: str,
    progress: Progress = silent,
    *,
    device: str = "auto",
    leave: Collection[str] = (),
    encode: Encode | None = None,
) -> int:
    """Predict tracks that are new or were scanned again; drop removed tracks. Return how many were predicted.

    leave   ids of tracks whose prediction is not needed (rankings use the true factor of train tracks)
    encode  encodes the tracks elsewhere than in this process

    Predictions without a checkpoint in the same folder were made by another program and are kept.
    """
    folder = workspace.model_dir(split, model)
    chosen = pick_device(device)
    if is_ranker(workspace, split, model):
        with open_library(workspace.library_path) as library:
            return write_embeddings(
                workspace, library, load_ranker(folder / RANKER_FILE), chosen, progress, encode=encode
            )
    if predictions_path(workspace, split, model).is_file() and not (folder / NETWORK_FILE).is_file():
        return 0
    checkpoint = checkpoint_of(workspace, split, model)
    with open_library(workspace.library_path) as library:
        return write_predictions(
            workspace, library, checkpoint, chosen, progress, keep=True, leave=leave, encode=encode
        )


def write_predictions(
    workspace: Workspace,
    library: Library,
    checkpoint: Checkpoint,
    device: torch.device,
    progress: Progress = silent,
    *,
    keep: bool = False,
    leave: Collection[str] = (),
    encode: Encode | None = None,
) -> int:
    """Predict all tracks that a network can read; with `keep`, only those whose input changed since the last time.

    leave   ids of tracks to leave out; `update_predictions` predicts them when it is called without
    encode  encodes the tracks elsewhere than in this process

    Return how many were predicted. Nothing is written if the network on disk is another one by then.
    """
    stored = open_input(workspace, library, checkpoint.config["reads"])
    path = predictions_file(checkpoint.path.parent)
    wanted = np.array([track_id not in leave for track_id in stored.ids], np.bool_)
    factors = np.zeros((len(stored.ids), int(checkpoint.config["dim"])), np.float32)
    missing, complete = np.ones(len(stored.ids), np.bool_), False
    if keep and path.is_file():
        missing, complete = _take_unchanged(factors, path, checkpoint, stored)
        if not complete and (before := artefacts.load(path, KIND).ids.get("track")):
            check_input(workspace, library, checkpoint.config["reads"], before, stored.ids)
    if complete and not (missing & wanted).any():
        return 0
    todo = np.flatnonzero(missing & wanted)
    if encode is None:
        encoder = NetworkEncoder(checkpoint, device)
        for first in range(0, len(todo), TRACKS_AT_ONCE):
            rows = todo[first : first + TRACKS_AT_ONCE]
            factors[rows] = encoder.from_stored(stored, rows)
            progress("predicting tracks", min(len(todo), first + TRACKS_AT_ONCE), len(todo))
    elif len(todo):
        _, factors[todo] = encode(library, stored.ids.take(todo))
    if artefacts.read_config(checkpoint.path, NETWORK_KIND)["fingerprint"] != checkpoint.config["fingerprint"]:
        return 0  # a training has replaced it meanwhile, and writes predictions of its own
    kept = np.flatnonzero(wanted | ~missing)
    save_predictions(
        path,
        Predictions(
            IdMap(stored.ids.take(kept)),
            factors[kept],
            space=checkpoint.config["factors"].get("digest", ""),
            targets=checkpoint.config["targets"],
            fingerprint=checkpoint.config["fingerprint"],
        ),
        source_hashes=stored.source_hashes[kept],
    )
    return len(todo)


def _take_unchanged(factors: Floats, path: Path, checkpoint: Checkpoint, stored: StoredInput) -> tuple[Mask, bool]:
    """Copy stored predictions of unchanged tracks into `factors`.

    Return which tracks are missing, and whether all stored tracks are still there.
    """
    missing = np.ones(len(factors), np.bool_)
    before = artefacts.load(path, KIND)
    if before.config["fingerprint"] != checkpoint.config["fingerprint"]:
        return missing, False
    rows = before.ids["track"].rows(stored.ids, missing=-1)
    same = (rows >= 0) & (before.arrays["marks"][rows] == stored.source_hashes)
    factors[same], missing[same] = before.arrays["factors"][rows[same]], False
    return missing, len(before.ids["track"]) == np.count_nonzero(rows >= 0)
