"""Embeddings of all tracks by a trained network: the mean output of its first stage, stored with the model.

    models/<split>/<name>/embeddings.safetensors

A model has learned from the train tracks of one split, so its embeddings belong to that split and to that training, and
are computed again when it is trained again. They fit the tracks that the model was trained on better than new ones:
choose what you build on them by validation tracks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unheard import artefacts
from unheard.arrays import Floats, Indices
from unheard.errors import MissingStageError, UserError
from unheard.ids import IdMap
from unheard.inference.predictions import NETWORK_FILE
from unheard.library import open_library
from unheard.progress import Progress, silent
from unheard.splits import load_split
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.inference.checkpoint import Checkpoint
    from unheard.inference.stored_input import StoredInput

KIND = "embeddings"
TRACKS_AT_ONCE = 256


def embeddings_path(workspace: Workspace, split: str, model: str) -> Path:
    return workspace.model_dir(split, model) / "embeddings.safetensors"


def embeddings_of(
    workspace: Workspace, split: str, model: str, *, device: str = "auto", progress: Progress = silent
) -> tuple[IdMap, Floats]:
    """Return ids and embeddings (n, width) of every track that the model can read.

    A model of one stage gives its factors. Only tracks whose input changed are computed again. MissingStageError if the
    model is not trained, or was trained before the split was changed; UserError if its targets include test plays.
    """
    from unheard.inference.stored_input import open_input

    checkpoint, path = _trained(workspace, split, model), embeddings_path(workspace, split, model)
    fingerprint = checkpoint.config["fingerprint"]
    with open_library(workspace.library_path) as library:
        stored = open_input(workspace, library, checkpoint.config["reads"])
    found = np.zeros((len(stored.ids), int(checkpoint.config["stages"][0]["outputs"])), np.float32)
    known = np.zeros(len(stored.ids), np.bool_)
    if path.is_file() and (old := artefacts.load(path, KIND)).config["fingerprint"] == fingerprint:
        rows = old.ids["track"].rows(stored.ids, missing=-1)
        known = (rows >= 0) & (old.arrays["marks"][rows] == stored.source_hashes)
        found[known] = old.arrays["embeddings"][rows[known]]
        if known.all() and len(stored.ids) == len(old.ids["track"]):
            return stored.ids, found
    _embed(found, np.flatnonzero(~known), checkpoint, stored, device=device, progress=progress)
    artefacts.save(
        path,
        KIND,
        config={"fingerprint": fingerprint},
        arrays={"embeddings": found, "marks": stored.source_hashes},
        ids={"track": stored.ids},
    )
    return stored.ids, found


def _trained(workspace: Workspace, split: str, model: str) -> Checkpoint:
    """Return the checkpoint, if it was trained on warm factors of this split."""
    from unheard.inference.checkpoint import load_checkpoint

    command = f"unheard train -w {workspace.root} --split {split} {model}"
    path = workspace.model_dir(split, model) / NETWORK_FILE
    if not path.is_file():
        raise MissingStageError(f"{path}: no model with embeddings", command)
    checkpoint = load_checkpoint(path)
    if checkpoint.config["targets"] != "warm":
        raise UserError(f"model {model!r} was trained on factors of all plays; embed by one trained on warm factors")
    now = load_split(workspace, split).digest
    if checkpoint.config["factors"].get("split_digest", now) != now:
        raise MissingStageError(f"{path}: trained before the split {split!r} was changed", command)
    return checkpoint


def _embed(
    found: Floats, todo: Indices, checkpoint: Checkpoint, stored: StoredInput, *, device: str, progress: Progress
) -> None:
    """Fill rows `todo` of `found`."""
    from unheard.inference.device import pick_device
    from unheard.inference.network_encoder import NetworkEncoder

    encoder = NetworkEncoder(checkpoint, pick_device(device))
    for first in range(0, len(todo), TRACKS_AT_ONCE):
        rows = todo[first : first + TRACKS_AT_ONCE]
        found[rows] = encoder.embed_stored(stored, rows)
        progress("embedding tracks", min(len(todo), first + TRACKS_AT_ONCE), len(todo))
