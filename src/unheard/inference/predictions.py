"""Predicted factors of every track as an artefact, and keeping them up to date. Imports no torch until it predicts."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.errors import MissingStageError
from unheard.ids import IdMap
from unheard.library import Library, open_library
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

if TYPE_CHECKING:
    import torch

    from unheard.inference.checkpoint import Checkpoint
    from unheard.inference.network_encoder import Predictor
    from unheard.inference.ranker_encoder import Placer

KIND = "predictions"
OF_SOUND = frozenset({"statistics", "musicnn", "musicnn-mtt"})  # descriptions that can be made of a new file
RANKER_FILE = "ranker.safetensors"  # of a fitted ranker recipe, in the place of a network's checkpoint
TRACKS_AT_ONCE = 256


def predictions_path(workspace: Workspace, split: str, model: str) -> Path:
    return workspace.model_dir(split, model) / "predictions.safetensors"


@dataclass(frozen=True)
class Predictions:
    """Predicted factors (n, dim) of every track that had sound when the model last predicted.

    space    digest of the factors that it was trained on ("" if it is not known)
    targets  "warm", or "full" for a model whose targets knew the test plays
    places    (n, k) where a ranker puts the tracks to rank them, None for a model that ranks by its factors
    playlists, playlist_ids   (m, k) where it puts playlists
    fingerprint   of the training
    """

    ids: IdMap
    factors: NDArray[np.float32]
    space: str
    targets: str
    places: NDArray[np.float32] | None = None
    playlists: NDArray[np.float32] | None = None
    playlist_ids: IdMap | None = None
    fingerprint: str = ""


def predictions(workspace: Workspace, split: str, model: str) -> tuple[IdMap, NDArray[np.float32]]:
    """Ids and predicted factors (n, dim) of every track that had sound when the model last predicted."""
    found = load_predictions(workspace, split, model)
    return found.ids, found.factors


def load_predictions(workspace: Workspace, split: str, model: str) -> Predictions:
    """What a model predicted, and in which space."""
    path = predictions_path(workspace, split, model)
    if not path.is_file():
        raise MissingStageError(f"{path}: model {model!r} has not been trained", _command(workspace, split, model))
    found = artefacts.load(path, KIND)
    space, targets = str(found.config.get("space", "")), str(found.config.get("targets", "warm"))
    return Predictions(
        found.ids["track"],
        found.arrays["factors"],
        space,
        targets,
        found.arrays.get("places"),
        found.arrays.get("playlists"),
        found.ids.get("playlist"),
        str(found.config.get("fingerprint", "")),
    )


def load_predictor(workspace: Workspace, split: str, model: str, *, device: str = "auto") -> Predictor:
    """A trained network; MissingStageError if it is not trained, UserError if the file is damaged."""
    from unheard.inference.device import pick_device
    from unheard.inference.network_encoder import Predictor

    return Predictor(_checkpoint(workspace, split, model), pick_device(device))


def load_embedder(workspace: Workspace, split: str, model: str, *, device: str = "auto") -> Predictor | Placer:
    """Whatever makes factors of audio files: a trained network, or a fitted ranker recipe. Errors as above."""
    if not _is_ranker(workspace, split, model):
        return load_predictor(workspace, split, model, device=device)
    from unheard.inference.device import pick_device
    from unheard.inference.ranker_encoder import load_placer

    return load_placer(workspace, split, model, device=pick_device(device))


def update_predictions(
    workspace: Workspace,
    split: str,
    model: str,
    progress: Progress = silent,
    *,
    device: str = "auto",
    leave: Collection[str] = (),
) -> int:
    """Predict tracks that were scanned, or scanned again, since; forget removed ones. Returns how many.

    leave  ids of tracks whose prediction nobody will read (a ranking takes the true factor of train tracks)

    Predictions without a checkpoint beside them were made by another program; they stay as they are.
    """
    from unheard.inference.device import pick_device

    if _is_ranker(workspace, split, model):
        from unheard.inference.ranker_encoder import update_places

        return update_places(workspace, split, model, progress, device=pick_device(device))
    made = predictions_path(workspace, split, model)
    if made.is_file() and not made.with_name("checkpoint.safetensors").is_file():
        return 0
    checkpoint = _checkpoint(workspace, split, model)
    with open_library(workspace.library_path) as library:
        return write_predictions(workspace, library, checkpoint, pick_device(device), progress, keep=True, leave=leave)


def write_predictions(
    workspace: Workspace,
    library: Library,
    checkpoint: Checkpoint,
    device: torch.device,
    progress: Progress = silent,
    *,
    keep: bool = False,
    leave: Collection[str] = (),
) -> int:
    """Predict all tracks that the model can read; with `keep`, only those whose sound is new to the artefact.

    leave  ids of tracks to leave out; `update_predictions` finds them missing and predicts them when it is asked to
    """
    from unheard.inference.network_encoder import Predictor
    from unheard.inference.stored_input import open_input, sound_marks

    store, vectors = open_input(workspace, library, checkpoint.config["reads"])
    source = store if store is not None else vectors
    assert source is not None
    marks = sound_marks(library, store, vectors)
    path = checkpoint.path.with_name("predictions.safetensors")
    factors = np.zeros((len(source.ids), int(checkpoint.config["dim"])), np.float32)
    missing = np.ones(len(source.ids), bool)
    wanted = np.array([track_id not in leave for track_id in source.ids], bool)
    if keep and path.is_file():
        before = artefacts.load(path, KIND)
        if before.config["fingerprint"] == checkpoint.config["fingerprint"]:
            rows = before.ids["track"].rows(source.ids, missing=-1)
            same = (rows >= 0) & (before.arrays["marks"][rows] == marks)
            factors[same], missing[same] = before.arrays["factors"][rows[same]], False
            all_there = len(before.ids["track"]) == np.count_nonzero(rows >= 0)
            if all_there and not (missing & wanted).any():
                return 0
    predictor = Predictor(checkpoint, device)
    todo = np.flatnonzero(missing & wanted)
    for first in range(0, len(todo), TRACKS_AT_ONCE):
        rows_now = todo[first : first + TRACKS_AT_ONCE]
        if store is not None:
            factors[rows_now] = predictor.from_store(store, rows_now)
        elif vectors is not None:
            factors[rows_now] = predictor.from_content(vectors.vectors[rows_now])
        progress("predicting tracks", min(len(todo), first + TRACKS_AT_ONCE), len(todo))
    kept = np.flatnonzero(wanted | ~missing)
    artefacts.save(
        path,
        KIND,
        config={
            "fingerprint": checkpoint.config["fingerprint"],
            "space": checkpoint.config["factors"].get("digest", ""),
            "targets": checkpoint.config["targets"],
        },
        arrays={"factors": factors[kept], "marks": marks[kept]},
        ids={"track": IdMap(source.ids.take(kept))},
    )
    return len(todo)


def hears_files(workspace: Workspace, split: str, model: str) -> bool:
    """Whether a trained model can place audio that was not there when it was trained."""
    folder = workspace.model_dir(split, model)
    if not _is_ranker(workspace, split, model):
        return (folder / "checkpoint.safetensors").is_file()
    fitted = folder / "fit.json"
    kinds = json.loads(fitted.read_text(encoding="utf-8")).get("descriptions", []) if fitted.is_file() else []
    return bool(OF_SOUND.intersection(kinds))


def _is_ranker(workspace: Workspace, split: str, model: str) -> bool:
    return (workspace.model_dir(split, model) / RANKER_FILE).is_file()


def _checkpoint(workspace: Workspace, split: str, model: str) -> Checkpoint:
    from unheard.inference.checkpoint import load_checkpoint

    path = workspace.model_dir(split, model) / "checkpoint.safetensors"
    if not path.is_file():
        raise MissingStageError(f"{path}: model {model!r} has not been trained", _command(workspace, split, model))
    return load_checkpoint(path)


def _command(workspace: Workspace, split: str, model: str) -> str:
    recipe, _, seed = model.partition("@")
    return f"unheard train -w {workspace.root} --split {split} {recipe}{f' --seed {seed}' if seed else ''}"
