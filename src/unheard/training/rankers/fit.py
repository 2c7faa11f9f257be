"""Fit a ranker recipe in a workspace: features, plays, split and factors in; one artefact and predictions out.

    models/<split>/<name>/fitting.safetensors      while it is fitted: the members that are finished
    models/<split>/<name>/ranker.safetensors       all members
    models/<split>/<name>/fit.json                 figures and weight of every member, and of the combiner
    models/<split>/<name>/predictions.safetensors  embeddings and warm factors of every track with features

Each member has an embedding space of its own, and a playlist's score of a track is a dot product there. The scores are
combined by a small network (combine.py), or by fixed weights (blend.py); a weighted sum of dot products is the dot
product of the concatenated embeddings.

Teams that serve factors need vectors in the factor space. The members that predict warm factors form the factor head:
its prediction is their mean, weighted by least squares on the validation tracks. If no member predicts warm factors, a
ridge regression is fitted for the head alone and takes no part in the blend.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.inference.device import pick_device
from unheard.inference.predictions import RANKER_FILE
from unheard.inference.ranker_checkpoint import RankerCheckpoint, load_ranker
from unheard.inference.ranker_encoder import write_embeddings
from unheard.library import open_library
from unheard.models.ranker_recipe import RankerRecipe
from unheard.progress import Progress, silent
from unheard.splits import Split
from unheard.training.dataset import TrainingData, load_ranker_data
from unheard.training.fingerprint import ranker_fingerprint
from unheard.training.rankers.member import with_factor_head, with_member
from unheard.training.rankers.member_weights import with_weights
from unheard.training.training_lock import training_lock
from unheard.workspace import Workspace


def fit_rankers(
    workspace: Workspace,
    recipe: RankerRecipe,
    split: Split,
    *,
    seed: int = 0,
    device: str = "auto",
    max_minutes: float | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Fit a recipe, or resume a fit that was killed, and embed every track. Return the artefact's path.

    max_minutes  after that, no further member is begun; a later call without it fits the rest
    force        fit again although nothing has changed

    A finished fit is not repeated unless recipe, seed, split, plays, factors or features changed. LockedError while
    another process fits the same model.
    """
    if seed < 0:
        raise UserError(f"seed: expected 0 or more, found {seed}")
    chosen = pick_device(device)
    folder = workspace.model_dir(split.name, recipe.name if seed == 0 else f"{recipe.name}@{seed}")
    final, running = folder / RANKER_FILE, folder / "fitting.safetensors"
    with training_lock(workspace, split.name, folder.name), open_library(workspace.library_path) as library:
        data = load_ranker_data(workspace, library, recipe, split)
        fingerprint = ranker_fingerprint(data, recipe, split, seed)
        found = None if force else _same(final, fingerprint)
        if found is not None and (found.config.get("complete", True) or max_minutes is not None):
            progress("fitted already, nothing has changed", 1, 1)
            write_embeddings(workspace, library, found, chosen, progress)
            return final
        begun = None if force else _same(running, fingerprint)
        begun = begun or _begin(running, data, recipe, split, seed, fingerprint)
        fitted = _fit_members(data, recipe, begun, chosen, max_minutes, progress)
        finished = with_weights(fitted, data, final, progress)
        finished.save()
        if finished.config["complete"]:
            running.unlink(missing_ok=True)
        else:
            progress("stopped before the last member; the same command without --max-minutes goes on", 1, 1)
        write_embeddings(workspace, library, finished, chosen, progress)
    return final


def _begin(
    path: Path, data: TrainingData, recipe: RankerRecipe, split: Split, seed: int, fingerprint: str
) -> RankerCheckpoint:
    """Return the state before the first member."""
    arrays: dict[str, NDArray[Any]] = {}
    for scaler in data.scalers:
        arrays[f"standard.{scaler.kind}.mean"] = scaler.mean
        arrays[f"standard.{scaler.kind}.deviation"] = scaler.deviation
    arrays |= data.artist_table.arrays
    config = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "split": split.name,
        "fingerprint": fingerprint,
        "dim": data.dim,
        "factors": data.factors_config,
        "descriptions": [scaler.kind for scaler in data.scalers],
        "members": [],
        "targets": "warm",
    }
    ids = {"artist": data.artist_table.names, "playlist": data.playlist_ids, "train": data.train.ids}
    return RankerCheckpoint(path, config, arrays, ids)


def _fit_members(
    data: TrainingData,
    recipe: RankerRecipe,
    begun: RankerCheckpoint,
    device: torch.device,
    max_minutes: float | None,
    progress: Progress,
) -> RankerCheckpoint:
    """Fit the members that are missing, one after the other; the checkpoint is saved after each."""
    started = time.monotonic()
    seed, artist_data = int(begun.config["seed"]), data.with_artist_features()
    todo = [(index, member, again) for index, member in enumerate(recipe.members) for again in range(member.times)]
    current = replace(begun, config={**begun.config, "complete": False})
    for number, (index, member, again) in enumerate(todo):
        late = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
        if number < len(current.config["members"]) or (late and number):
            continue
        current = with_member(
            current,
            index,
            member,
            artist_data if member.artist else data,
            seed=seed * 1000 + 10 * index + again,
            device=device,
            progress=progress,
        )
        current.save()
    complete = len(current.config["members"]) == len(todo)
    current = replace(current, config={**current.config, "complete": complete})
    return with_factor_head(current, data, device, progress)


def _same(path: Path, fingerprint: str) -> RankerCheckpoint | None:
    """Return the artefact at `path` if there is one and it was made from the same inputs."""
    if not path.is_file():
        return None
    try:
        found = load_ranker(path)
    except UserError:
        return None  # damaged, or of another format: it is replaced
    return found if found.config["fingerprint"] == fingerprint else None
