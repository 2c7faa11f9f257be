"""What training reads: which tracks, what they sound like, which factors they have. Test tracks are left at the door.

Train targets are the factors of train tracks with plays; validation targets are the fold-ins of validation tracks with
plays. Who played them is read when a loss of the recipe learns from it. Nothing here, and so nothing after it, depends
on any other track's factors or plays.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.factors.store import Factors, load_factors, load_split_factors
from unheard.ids import IdMap
from unheard.inference.sources import VectorSource
from unheard.library import Library
from unheard.models.recipe import LISTENERS, Recipe
from unheard.spectrograms.store import MelStore, open_store
from unheard.splits import Split, Use
from unheard.training.musicnn_features import MODELS
from unheard.training.networks.partners import Listening, gather_listening
from unheard.workspace import Workspace

Reads = Literal["patches", "bag-of-tones", "statistics", "vectors", "musicnn", "musicnn-mtt"]
TargetKind = Literal["warm", "full"]
LEAST_TRAIN_TRACKS = 4


@dataclass(frozen=True)
class Material:
    """reads: what the first stage reads, with "content" decided. `train` and `val` are rows of `ids`.

    store           the mel store, when the recipe listens to patches or frames; its rows are the rows of `ids`
    vectors         (n, width), when it reads vectors or statistics
    train_factors, val_factors   rows in the order of `train` and `val`
    marks           (n,) a number per track that changes when its sound does
    listening       who played train and validation tracks; None when no loss asks
    """

    ids: IdMap
    reads: Reads
    store: MelStore | None
    vectors: VectorSource | None
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    train_factors: NDArray[np.float32]
    val_factors: NDArray[np.float32]
    marks: NDArray[np.int64]
    factors_config: dict[str, Any]
    listening: Listening | None = None


def gather(workspace: Workspace, library: Library, recipe: Recipe, split: Split, targets: TargetKind) -> Material:
    """Read what `recipe` needs; MissingStageError or UserError if it is not there."""
    reads = decide_input(library, recipe)
    store, vectors = open_input(workspace, library, reads)
    ids = store.ids if store is not None else vectors.ids if vectors is not None else IdMap([])
    factors = load_split_factors(workspace, split) if targets == "warm" else load_factors(workspace, "full")
    train, train_factors = _with_factors(ids, split, Use.TRAIN, factors)
    val, val_factors = _with_factors(ids, split, Use.VAL, factors)
    if len(train) < LEAST_TRAIN_TRACKS:
        raise UserError(
            f"{workspace.root}: split {split.name!r} has {len(train)} train tracks with both sound and plays, expected "
            f"at least {LEAST_TRAIN_TRACKS}; import more playlists of these tracks"
        )
    if not len(val):  # nothing to tune on: early stopping then only sees when training itself stalls
        val, val_factors = train, train_factors
    marks = sound_marks(library, store, vectors)
    listening = None
    if any(isinstance(stage.loss, LISTENERS) for stage in recipe.stages):
        listening = gather_listening(library, factors, ids, train, val, before=split.cutoff_timestamp)
    return Material(
        ids, reads, store, vectors, train, val, train_factors, val_factors, marks, factors.config, listening
    )


def decide_input(library: Library, recipe: Recipe) -> Reads:
    """What the first stage reads in this workspace."""
    wanted = recipe.stages[0].input
    if wanted == "content":
        return "vectors" if library.counts()["vectors"] else "statistics"
    assert wanted != "previous"
    return wanted


def open_input(workspace: Workspace, library: Library, reads: Reads) -> tuple[MelStore | None, VectorSource | None]:
    """The mel store or the vectors that a first stage reads."""
    if reads in ("patches", "bag-of-tones"):
        return open_store(workspace, library), None
    if reads in MODELS:
        ids, vectors = library.current_vectors(reads)
        hint = f"run `unheard features -w {workspace.root} --model {MODELS[reads]}`"
    else:
        ids, vectors = library.vectors("user" if reads == "vectors" else "statistics")
        hint = "scan a vectors file" if reads == "vectors" else f"run `unheard scan -w {workspace.root} MUSIC`"
    if not len(ids):
        raise UserError(
            f"{workspace.root}: the recipe reads {reads}, but no track has any; {hint}, or use another recipe"
        )
    return None, VectorSource(ids, vectors)


def _with_factors(
    ids: IdMap, split: Split, use: Use, factors: Factors
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows of `ids` with this use and a known factor, and the factors."""
    in_factors = factors.track_ids.rows(ids, missing=-1)
    known = (in_factors >= 0) & factors.known[in_factors]
    rows = np.flatnonzero((split.uses(ids) == use) & known)
    return rows, factors.tracks[in_factors[rows]]


def fingerprint(
    material: Material,
    recipe: Recipe,
    split: Split,
    targets: TargetKind,
    seed: int,
    workspace: Workspace,
    pretrained: list[str],
) -> str:
    """A hash of everything that decides the weights: a finished training with the same one need not run again.

    pretrained  digests of the weights that the stages start from
    """
    digest = hashlib.sha256()
    described = {key: value for key, value in recipe.as_dict().items() if key != "about"}
    plain = [described, pretrained, split.name, targets, seed, asdict(workspace.settings), material.reads]
    digest.update(json.dumps(plain, sort_keys=True).encode())
    for rows, factors in ((material.train, material.train_factors), (material.val, material.val_factors)):
        digest.update("\0".join(material.ids.take(rows)).encode() + b"\1")
        digest.update(np.ascontiguousarray(factors).tobytes())
        digest.update(material.marks[rows].tobytes())
    if material.listening is not None:
        digest.update(material.listening.digest())
    return digest.hexdigest()


def sound_marks(library: Library, store: MelStore | None, vectors: VectorSource | None) -> NDArray[np.int64]:
    """A number per track that changes when its sound does: (n,) from its file's hash, or from its vector."""
    if store is not None:
        hashes = {track.track_id: track.content_hash for track in library.tracks().items}
        sounds = [f"{hashes.get(name, '')} {n}".encode() for name, n in zip(store.ids, store.n_frames, strict=True)]
    else:
        assert vectors is not None
        sounds = [vector.tobytes() for vector in vectors.vectors]
    return np.array([int.from_bytes(hashlib.sha256(sound).digest()[:7], "little") for sound in sounds], np.int64)
