"""What a network reads of a workspace: stored spectrograms, or one vector per track."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unheard.arrays import Indices
from unheard.errors import UserError
from unheard.features.current import current_features
from unheard.features.table import VECTORS, check_kinds, how_to_make, is_encoder
from unheard.ids import IdMap
from unheard.inference.input_sources import VectorSource
from unheard.library import Library
from unheard.models.recipe import Recipe
from unheard.spectrograms.store import MelStore, open_store
from unheard.workspace import Workspace

Reads = str  # "patches", "bag-of-tones", or a kind of features


@dataclass(frozen=True)
class StoredInput:
    """Input of a network's first stage for n tracks.

    reads          kind of the input, with the recipe's "content" resolved
    tracks         the mel store, or the vectors; a row is a track
    source_hashes  (n,) int64, changes when the track's input changes
    """

    reads: Reads
    tracks: MelStore | VectorSource
    source_hashes: Indices

    @property
    def ids(self) -> IdMap:
        return self.tracks.ids


def choose_input(workspace: Workspace, library: Library, recipe: Recipe) -> Reads:
    """Return what the first stage of a recipe reads in this workspace."""
    wanted = recipe.stages[0].input
    if wanted == "content":
        given = current_features(workspace, library.tracks(), VECTORS)
        return VECTORS if len(given.ids) else "statistics"
    assert wanted != "previous"  # `recipe_from` refuses it for a first stage
    if is_encoder(wanted):
        raise UserError(f"recipe {recipe.name!r}: input {wanted!r} is for rankers; a network reads 'patches' itself")
    return wanted


def open_input(workspace: Workspace, library: Library, reads: Reads) -> StoredInput:
    """Open the mel store or read the vectors; UserError when no track has any."""
    if reads == "patches" or reads == "bag-of-tones":
        store = open_store(workspace, library)
        hashes = {track.track_id: track.source_hash for track in library.tracks().items}
        contents = (f"{hashes.get(name, '')} {n}".encode() for name, n in zip(store.ids, store.n_frames, strict=True))
        return StoredInput(reads, store, _hashes(contents))
    check_kinds([reads], "the recipe's input")
    features = current_features(workspace, library.tracks(), reads)
    if not len(features.ids):
        hint = how_to_make(reads, workspace.root)
        raise UserError(
            f"{workspace.root}: the recipe reads {reads}, but no track has any; {hint}, or use another recipe"
        )
    vectors = VectorSource(features.ids, features.values)
    return StoredInput(reads, vectors, _hashes(vector.tobytes() for vector in features.values))


def _hashes(contents: Iterable[bytes]) -> Indices:
    """Return 56 bits of the SHA-256 of each content."""
    return np.array([int.from_bytes(hashlib.sha256(content).digest()[:7], "little") for content in contents], np.int64)
