"""How much audio one epoch of a recipe reads: which patches of which train tracks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unheard.arrays import Indices, Rows
from unheard.inference.input_sources import PatchSource, Source, VectorSource, patch_source, song_frames
from unheard.models.recipe import Recipe
from unheard.spectrograms.store import MelStore
from unheard.training.networks.network_inputs import NetworkInputs
from unheard.workspace import Settings

FRACTION_STREAM = 2**31  # seeds the random stream of a recipe's fraction, far from any epoch's


@dataclass(frozen=True)
class Workload:
    """What one epoch of the first stage takes.

    items      patches, or vectors
    tracks     train tracks in use
    too_short  share of the train tracks that are shorter than a patch
    """

    items: int
    tracks: int
    too_short: float


def patches_of(store: MelStore, train: Rows, recipe: Recipe, settings: Settings) -> PatchSource:
    """Return the patches that the first stage may use; `train` are the train rows of the store."""
    stage = recipe.stages[0]
    return patch_source(store, stage, settings, song_frames(store, train) if stage.whole_song else None)


def cut_to_fraction(source: Source, train: Rows, recipe: Recipe, seed: int) -> tuple[Source, Indices]:
    """Return the source cut down to the recipe's fraction, and which train tracks (indices) are left."""
    fraction = recipe.stages[0].fraction
    if fraction is None:
        return source, np.arange(len(train))
    return share_of(source, train, fraction, np.random.default_rng([seed, 1, FRACTION_STREAM]))


def share_of(source: Source, train: Rows, fraction: float, rng: np.random.Generator) -> tuple[Source, Indices]:
    """Return a source with `fraction` of all patches of the train tracks, drawn once, and no others of theirs.

    Also returns the indices, among the train tracks, of those with a patch left. At least two patches are kept, for
    batch norm. Of vectors, a share of the tracks is kept.
    """
    covers = [source.cover(int(row), None) for row in train]
    tracks = np.repeat(np.arange(len(train)), [len(cover) for cover in covers])
    starts = np.concatenate(covers)
    wanted = min(len(tracks), max(2, round(fraction * len(tracks))))
    taken = np.sort(rng.choice(len(tracks), wanted, replace=False))
    kept = np.unique(tracks[taken])
    if isinstance(source, VectorSource):
        return source, kept
    return replace(source, only={int(train[i]): starts[taken[tracks[taken] == i]] for i in kept}), kept


def workload(inputs: NetworkInputs, recipe: Recipe, seed: int, settings: Settings) -> Workload:
    """Return how much the first stage reads in an epoch."""
    stage, train, store = recipe.stages[0], inputs.train, inputs.stored.tracks
    if inputs.stored.reads != "patches" or not isinstance(store, MelStore):
        n = len(train) if stage.fraction is None else max(2, round(stage.fraction * len(train)))
        return Workload(n * stage.patches_per_track, n, 0.0)
    source = patches_of(store, train, recipe, settings)
    cut, kept = cut_to_fraction(source, train, recipe, seed)
    items = len(train) * stage.patches_per_track
    if stage.fraction is not None:
        items = sum(len(cut.cover(int(row), None)) for row in train[kept])
    short = float((store.n_frames[train] < source.store.patch_frames).mean()) if not source.repeat else 0.0
    return Workload(items, len(kept), short)
