"""Predicted factors and embeddings of all tracks as an artefact. Imports no torch, so that servers read it quickly.

models/<split>/<name>/predictions.safetensors

config   fingerprint of the training, space, targets; of rankers also mark, a hash of what the arrays depend on
arrays   factors; of networks also marks, hashes of the tracks' inputs; of rankers also places (embeddings of the
         tracks), playlists (embeddings of the playlists), known.<kind> (which tracks have features of the kind) and
         combiner.* (models/combiner.py)
ids      track; of rankers also playlist
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts
from unheard.arrays import Floats, Indices, Mask
from unheard.checksums import read_sealed
from unheard.errors import MissingStageError, UserError, quoted
from unheard.features.table import from_audio
from unheard.ids import IdMap
from unheard.models.combiner import Combiner
from unheard.workspace import Workspace

KIND = "predictions"
KNOWN = "known."  # prefix of the arrays that tell which tracks have features of a kind
NETWORK_FILE = "checkpoint.safetensors"
RANKER_FILE = "ranker.safetensors"  # in the folder of a fitted ranker recipe, which has no checkpoint of a network


@dataclass(frozen=True)
class Predictions:
    """Predicted factors (n, dim) of every track that had an input when the model last predicted.

    space                digest of the factors that the model was trained on ("" if unknown)
    targets              "warm", or "full" for a model whose targets were made from test plays too
    track_embeddings     (n, k) in the ranking space of a ranker; None for a model that ranks by its factors
    playlist_embeddings  (m, k) of the playlists `playlist_ids`, in the same space
    fingerprint          of the training
    combiner             combines the scores of a blend's members; None: a score is the dot product of the embeddings
    """

    ids: IdMap
    factors: Floats
    space: str
    targets: str
    track_embeddings: Floats | None = None
    playlist_embeddings: Floats | None = None
    playlist_ids: IdMap | None = None
    fingerprint: str = ""
    combiner: Combiner | None = None


def predictions_file(folder: Path) -> Path:
    """Return the path of the predictions in a model's folder."""
    return folder / "predictions.safetensors"


def predictions_path(workspace: Workspace, split: str, model: str) -> Path:
    return predictions_file(workspace.model_dir(split, model))


def predictions(workspace: Workspace, split: str, model: str) -> tuple[IdMap, Floats]:
    """Return ids and predicted factors (n, dim) of every track that had an input when the model last predicted."""
    found = load_predictions(workspace, split, model)
    return found.ids, found.factors


def load_predictions(workspace: Workspace, split: str, model: str) -> Predictions:
    """Read the predictions of a model; MissingStageError without any, UserError if they are damaged."""
    path = predictions_path(workspace, split, model)
    if not path.is_file():
        raise not_trained(workspace, split, model, path)
    found = artefacts.load(path, KIND)
    tracks, factors = found.ids.get("track"), found.arrays.get("factors")
    embeddings, playlists = found.arrays.get("places"), found.arrays.get("playlists")
    playlist_ids = found.ids.get("playlist")
    for name in ("factors", "places", "playlists"):
        if name in found.arrays and not np.isfinite(found.arrays[name]).all():
            raise _damaged(path, f"{name} are not finite", workspace, split, model)
    if tracks is None or factors is None or factors.ndim != 2 or len(factors) != len(tracks):
        shape = None if factors is None else factors.shape
        n = "no" if tracks is None else len(tracks)
        raise _damaged(path, f"factors have shape {shape}, with {n} track ids", workspace, split, model)
    if embeddings is not None and (
        playlists is None
        or playlist_ids is None
        or embeddings.shape[:1] != factors.shape[:1]
        or playlists.shape != (len(playlist_ids), *embeddings.shape[1:])
    ):
        shape = None if playlists is None else playlists.shape
        problem = f"embeddings of tracks have shape {embeddings.shape}, those of playlists {shape}"
        raise _damaged(path, problem, workspace, split, model)
    try:
        combiner = Combiner.from_arrays(found.arrays)
    except ValueError as error:
        raise _damaged(path, str(error), workspace, split, model) from error
    return Predictions(
        tracks,
        factors,
        str(found.config.get("space", "")),
        str(found.config.get("targets", "warm")),
        embeddings,
        playlists,
        playlist_ids,
        str(found.config.get("fingerprint", "")),
        combiner,
    )


def save_predictions(
    path: Path,
    found: Predictions,
    *,
    source_hash: str | None = None,
    source_hashes: Indices | None = None,
    known: Mapping[str, Mask] | None = None,
) -> None:
    """Write predictions, with a hash of all inputs (rankers) or one of each track's input (networks).

    known  by kind of features, which tracks (n,) have them
    """
    config = {"fingerprint": found.fingerprint, "space": found.space, "targets": found.targets}
    arrays: dict[str, NDArray[Any]] = {"factors": found.factors}
    ids = {"track": found.ids}
    if source_hash is not None:
        config["mark"] = source_hash
    if source_hashes is not None:
        arrays["marks"] = source_hashes
    arrays |= {KNOWN + kind: has for kind, has in (known or {}).items()}
    if found.track_embeddings is not None and found.playlist_embeddings is not None:
        arrays |= {"places": found.track_embeddings, "playlists": found.playlist_embeddings}
    if found.combiner is not None:
        arrays |= found.combiner.arrays
    if found.playlist_ids is not None:
        ids["playlist"] = found.playlist_ids
    artefacts.save(path, KIND, config=config, arrays=arrays, ids=ids)


def is_ranker(workspace: Workspace, split: str, model: str) -> bool:
    """Return whether a model is a fitted ranker recipe, not a network."""
    return (workspace.model_dir(split, model) / RANKER_FILE).is_file()


def can_encode_files(workspace: Workspace, split: str, model: str) -> bool:
    """Return whether a trained model can encode audio files that are not in the library."""
    folder = workspace.model_dir(split, model)
    if not is_ranker(workspace, split, model):
        return (folder / NETWORK_FILE).is_file()
    fitted = folder / "fit.json"
    try:
        kinds = read_sealed(fitted).get("descriptions", []) if fitted.is_file() else []
    except (OSError, ValueError, AttributeError) as error:
        raise _damaged(fitted, str(error), workspace, split, model) from error
    return any(from_audio(kind) for kind in kinds)


def has_lost_predictions(folder: Path) -> bool:
    """Return whether a model was trained to the end, and its predictions are missing."""
    if predictions_file(folder).is_file():
        return False
    if (folder / RANKER_FILE).is_file():
        return bool(artefacts.read_config(folder / RANKER_FILE, "ranker").get("complete", True))
    if (folder / NETWORK_FILE).is_file():
        return artefacts.read_config(folder / NETWORK_FILE, "checkpoint").get("position") is None
    return False


def not_trained(workspace: Workspace, split: str, model: str, path: Path) -> MissingStageError:
    """Return the error for a model that has no file at `path`."""
    return MissingStageError(f"{path}: model {model!r} has not been trained", train_command(workspace, split, model))


def train_command(workspace: Workspace, split: str, model: str) -> str:
    """Return the command that trains a model of this name, which `train_network.model_name` made."""
    recipe, _, seed = model.partition("@")
    full = " --targets full" if recipe.endswith("-full") else ""
    named = f"{recipe.removesuffix('-full')}{f' --seed {seed}' if seed else ''}{full}"
    return f"unheard train -w {quoted(workspace.root)} --split {split} {named}"


def _damaged(path: Path, problem: str, workspace: Workspace, split: str, model: str) -> UserError:
    command = train_command(workspace, split, model)
    return UserError(f"{path}: damaged ({problem}); delete it and run `{command}` again")
