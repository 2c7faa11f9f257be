"""What a recipe hears of a collection: which patches of which train tracks. Training uses it, planning asks it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.inference.sources import PatchSource, Source, patch_source, share_of, song_frames
from unheard.inference.stored_input import Material
from unheard.models.recipe import Recipe
from unheard.workspace import Settings

FIXED_SHARE = 2**31  # marks the random stream of a recipe's fraction, far from any epoch's


@dataclass(frozen=True)
class Workload:
    """What one epoch of the first stage takes.

    items      patches, or vectors
    tracks     train tracks that are heard
    too_short  share of the train tracks that are shorter than a patch
    """

    items: int
    tracks: int
    too_short: float


def patches_of(material: Material, recipe: Recipe, settings: Settings) -> PatchSource:
    """The patches that the first stage may hear."""
    assert material.store is not None
    stage = recipe.stages[0]
    whole = song_frames(material.store, material.train) if stage.whole_song else None
    return patch_source(material.store, stage, settings, whole)


def heard_of(source: Source, material: Material, recipe: Recipe, seed: int) -> tuple[Source, NDArray[np.intp]]:
    """The source cut down to the recipe's fraction, and the places of the train tracks that are left."""
    fraction = recipe.stages[0].fraction
    if fraction is None:
        return source, np.arange(len(material.train))
    return share_of(source, material.train, fraction, np.random.default_rng([seed, 1, FIXED_SHARE]))


def workload(material: Material, recipe: Recipe, seed: int, settings: Settings) -> Workload:
    """How much the first stage hears in an epoch."""
    stage, train = recipe.stages[0], material.train
    if material.reads != "patches":
        n = len(train) if stage.fraction is None else max(2, round(stage.fraction * len(train)))
        return Workload(n * stage.patches_per_track, n, 0.0)
    source = patches_of(material, recipe, settings)
    heard, places = heard_of(source, material, recipe, seed)
    items = len(train) * stage.patches_per_track
    if stage.fraction is not None:
        items = sum(len(heard.cover(int(row), None)) for row in train[places])
    short = float((source.store.n_frames[train] < source.store.patch_frames).mean()) if not source.repeat else 0.0
    return Workload(items, len(places), short)
