"""Fingerprints: SHA-256 over everything that decides the weights of a model.

A finished training whose fingerprint is that of the current inputs need not run again, and an unfinished one may be
resumed. The bytes that are hashed, and their order, are part of the format of checkpoints: after a change here every
model is trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Rows
from unheard.inference.stored_input import StoredInput
from unheard.models.ranker_recipe import RankerRecipe
from unheard.models.recipe import FROM_PLAYS, Recipe
from unheard.splits import Split
from unheard.training.dataset import TargetKind, TrainingData
from unheard.workspace import Settings

# A ranker recipe that names no kinds of features is hashed as if it named these, the only ones there were when the
# format of fingerprints was fixed: so models of earlier versions stay current. The kinds that are read are hashed too.
FIRST_KINDS = ("statistics", "vectors", "musicnn", "musicnn-mtt")


def network_fingerprint(
    data: TrainingData,
    stored: StoredInput,
    recipe: Recipe,
    split: Split,
    *,
    targets: TargetKind,
    seed: int,
    settings: Settings,
    pretrained: Sequence[str],
) -> str:
    """Return the fingerprint of a network; `pretrained` are digests of the weights that its stages start from."""
    digest = hashlib.sha256()
    plain = [_described(recipe), list(pretrained), split.name, targets, seed, asdict(settings), stored.reads]
    digest.update(json.dumps(plain, sort_keys=True).encode())
    for part in (data.train, data.validation):
        digest.update("\0".join(part.ids).encode() + b"\1")
        digest.update(np.ascontiguousarray(part.factors).tobytes())
        digest.update(stored.source_hashes[stored.ids.rows(part.ids)].tobytes())
    if any(isinstance(stage.loss, FROM_PLAYS) for stage in recipe.stages):
        digest.update(_plays_digest(data))
    return digest.hexdigest()


def ranker_fingerprint(data: TrainingData, recipe: RankerRecipe, split: Split, seed: int) -> str:
    """Return the fingerprint of a ranker recipe; `data` is without artist features."""
    digest = hashlib.sha256()
    described = _described(recipe)
    described["descriptions"] = described.pop("features", list(FIRST_KINDS))  # the name in fingerprints of before
    plain = [described, split.name, seed, [scaler.kind for scaler in data.scalers]]
    digest.update(json.dumps(plain, sort_keys=True).encode())
    for part in (data.train, data.validation):
        digest.update("\0".join(part.ids).encode() + b"\1")
        digest.update("\0".join(part.artist_names).encode() + b"\1")
        digest.update(part.features.tobytes())
    for array in (data.train.factors, data.validation.factors, data.playlist_factors):
        digest.update(np.ascontiguousarray(array).tobytes())
    for matrix in (data.train.plays, data.validation.plays):
        digest.update(_entries(matrix))
    return digest.hexdigest()


def _described(recipe: Recipe | RankerRecipe) -> dict[str, Any]:
    """Return the recipe as plain data without its description, which changes nothing."""
    return {key: value for key, value in recipe.as_dict().items() if key != "about"}


def _plays_digest(data: TrainingData) -> bytes:
    digest = hashlib.sha256()
    for matrix in (data.train.plays, data.validation.plays):
        digest.update(repr(matrix.shape).encode() + _entries(matrix))
    artists = _by_first_use(np.concatenate([data.train.artists, data.validation.artists]))
    for array in (artists, np.ascontiguousarray(data.playlist_factors)):
        digest.update(array.tobytes())
    return digest.digest()


def _entries(plays: csr_matrix) -> bytes:
    """Return which entries of a binary matrix are set."""
    bounds: bytes = plays.indptr.astype(np.int32).tobytes()
    columns: bytes = plays.indices.astype(np.int32).tobytes()
    return bounds + columns


def _by_first_use(numbers: Rows) -> Rows:
    """Renumber artists in the order of their first track, int32."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    renumbered: Rows = np.argsort(np.argsort(first))[inverse.reshape(-1)].astype(np.int32)
    return renumbered
