"""What a trained model makes of every track: the mean output of its first stage, kept beside the model.

    models/<split>/<name>/embeddings.safetensors

A model has learned from the train tracks of one split, so its embeddings belong to that split and to that training, and
are made again when it is trained again. Of the tracks it was trained on they say more than of new ones: whoever learns
from them should choose what it learns by validation tracks.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.errors import MissingStageError, UserError
from unheard.ids import IdMap
from unheard.library import open_library
from unheard.progress import Progress, silent
from unheard.splits import load_split
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from unheard.inference.checkpoint import Checkpoint
    from unheard.inference.sources import VectorSource
    from unheard.spectrograms.store import MelStore

KIND = "embeddings"
TRACKS_AT_ONCE = 256
Floats = NDArray[np.float32]


def embeddings_path(workspace: Workspace, split: str, model: str) -> Path:
    return workspace.model_dir(split, model) / "embeddings.safetensors"


def embeddings_of(
    workspace: Workspace, split: str, model: str, *, device: str = "auto", progress: Progress = silent
) -> tuple[IdMap, Floats]:
    """Ids and embeddings (n, width) of every track that the model can read; of a model of one stage, its factors.

    Tracks are heard only when the model or their sound is new. MissingStageError if the model is not trained, or was
    trained before the split was changed; UserError if its targets knew the plays of test tracks.
    """
    from unheard.inference.stored_input import open_input, sound_marks

    checkpoint, path = _trained(workspace, split, model), embeddings_path(workspace, split, model)
    mark = checkpoint.config["fingerprint"]
    with open_library(workspace.library_path) as library:
        store, vectors = open_input(workspace, library, checkpoint.config["reads"])
        marks = sound_marks(library, store, vectors)
    ids = store.ids if store is not None else vectors.ids if vectors is not None else IdMap([])
    found = np.zeros((len(ids), int(checkpoint.config["stages"][0]["outputs"])), np.float32)
    known = np.zeros(len(ids), np.bool_)
    if path.is_file() and (old := artefacts.load(path, KIND)).config["fingerprint"] == mark:
        rows = old.ids["track"].rows(ids, missing=-1)
        known = (rows >= 0) & (old.arrays["marks"][rows] == marks)
        found[known] = old.arrays["embeddings"][rows[known]]
        if known.all() and len(ids) == len(old.ids["track"]):
            return ids, found
    _embed(found, np.flatnonzero(~known), checkpoint, store, vectors, device=device, progress=progress)
    artefacts.save(
        path,
        KIND,
        config={"fingerprint": mark},
        arrays={"embeddings": found, "marks": marks},
        ids={"track": ids},
    )
    return ids, found


def _trained(workspace: Workspace, split: str, model: str) -> Checkpoint:
    """The checkpoint, if nothing that it learned from is a test track's under this split."""
    from unheard.inference.checkpoint import load_checkpoint

    command = f"unheard train -w {workspace.root} --split {split} {model}"
    path = workspace.model_dir(split, model) / "checkpoint.safetensors"
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
    found: Floats,
    todo: NDArray[np.intp],
    checkpoint: Checkpoint,
    store: MelStore | None,
    vectors: VectorSource | None,
    *,
    device: str,
    progress: Progress,
) -> None:
    """Fill rows `todo` of `found`."""
    from unheard.inference.device import pick_device
    from unheard.inference.network_encoder import Predictor

    predictor = Predictor(checkpoint, pick_device(device))
    for first in range(0, len(todo), TRACKS_AT_ONCE):
        some = todo[first : first + TRACKS_AT_ONCE]
        if store is not None:
            found[some] = predictor.embed_store(store, some)
        elif vectors is not None:
            found[some] = predictor.embed_content(vectors.vectors[some])
        progress("embedding tracks", min(len(todo), first + TRACKS_AT_ONCE), len(todo))
