"""Fit one member of a ranker recipe and add it to the checkpoint."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import torch

from unheard.inference.module_arrays import arrays_of
from unheard.inference.ranker_checkpoint import RankerCheckpoint
from unheard.inference.ranker_encoder import embed_rows
from unheard.models.ranker_recipe import Member, kind_of
from unheard.models.rankers.ridge import Ridge
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.blend import score_deviation
from unheard.training.rankers.fit_functions import FITS
from unheard.training.rankers.validation import ndcg, validation_playlists

HEAD_ALONE = -1  # "member" of a ranker that belongs to the factor head and takes no part in the blend


def with_member(
    checkpoint: RankerCheckpoint,
    index: int,
    member: Member,
    data: TrainingData,
    *,
    seed: int,
    device: torch.device,
    progress: Progress = silent,
) -> RankerCheckpoint:
    """Return the checkpoint with the member at `index` of the recipe fitted to `data`."""
    ranker = FITS[type(member.ranker)](data, member.ranker, seed=seed, device=device, progress=progress)
    queries = validation_playlists(data)
    embeddings = embed_rows(ranker.tower, (data.validation if len(data.validation) else data.train).features)
    # A ranker whose embedding space is the factor space returns the playlists' factors as they are.
    warm = np.array_equal(ranker.playlists, data.playlist_factors)
    deviation = score_deviation(ranker.playlists[queries] if len(queries) else ranker.playlists, embeddings)
    note = {
        "member": index,
        "kind": kind_of(member.ranker),
        "config": json.loads(json.dumps(asdict(member.ranker))),
        "artist": member.artist,
        "inputs": int(data.train.features.shape[1]),
        "n_artist": data.n_artist_features,
        "outputs": int(ranker.playlists.shape[1]),
        "warm": warm,
        "deviation": deviation or 1.0,
        "ndcg": ndcg(ranker.playlists, embeddings, data, queries) if len(data.validation) else None,
        "history": list(ranker.history),
    }
    prefix = f"member{len(checkpoint.config['members'])}."
    arrays = {f"{prefix}tower.{name}": array for name, array in arrays_of(ranker.tower).items()}
    arrays[f"{prefix}playlists"] = ranker.playlists
    train_embeddings = data.train.factors if warm else ranker.tracks
    if train_embeddings is None and member.artist:
        # The tower saw train tracks without their own factor in their artist's mean. The encoder would include it.
        train_embeddings = embed_rows(ranker.tower, data.train.features)
    if train_embeddings is not None:
        arrays[f"{prefix}tracks"] = train_embeddings
    config = {**checkpoint.config, "members": [*checkpoint.config["members"], note]}
    return replace(checkpoint, config=config, arrays={**checkpoint.arrays, **arrays})


def with_factor_head(
    checkpoint: RankerCheckpoint, data: TrainingData, device: torch.device, progress: Progress = silent
) -> RankerCheckpoint:
    """Return the checkpoint with a ridge regression onto warm factors, if no member predicts those.

    data  without artist features; the ridge reads them if any member does
    """
    if any(note["warm"] for note in checkpoint.config["members"]):
        return checkpoint
    artist, seed = any(member.artist for member in checkpoint.recipe.members), int(checkpoint.config["seed"])
    view = data.with_artist_features() if artist else data
    ridge = Member(Ridge(), artist=artist)
    return with_member(checkpoint, HEAD_ALONE, ridge, view, seed=seed, device=device, progress=progress)
