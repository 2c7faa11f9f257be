"""Measure the triplet loss of row 21 of the thesis on validation and on test tracks.

Triplets are drawn as in training, among the measured tracks: a positive from the nearest and a negative from the
farthest tracks in factor space, whose numbers are scaled to the number of tracks. A constant embedding has a loss equal
to the margin; the .65 and .69 of the thesis at a margin of .4 are worse than that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unheard.library import open_library
from unheard.models.recipe import TripletOffline
from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use
from unheard.workspace import Workspace

DRAWS = 50  # triplets of each track


def triplet_losses(workspace: Workspace, catalogue: Catalogue, model: str, *, seed: int) -> dict[str, Any]:
    """Return {"loss": [validation, test], "accuracy": [validation, test], "margin"}, None for fewer than 4 tracks."""
    from unheard.inference.load import load_network_encoder
    from unheard.spectrograms.store import open_store

    predictor = load_network_encoder(workspace, catalogue.split.name, model)
    config = predictor.recipe.stages[0].loss
    assert isinstance(config, TripletOffline)
    with open_library(workspace.library_path) as library:
        store = open_store(workspace, library)
    in_store = store.ids.rows(catalogue.tracks.ids, missing=-1)
    n_train = int(((catalogue.use == Use.TRAIN) & catalogue.warm.known).sum())
    figures: list[tuple[float | None, float | None]] = []
    for use in (Use.VAL, Use.TEST):
        rows = np.flatnonzero((catalogue.use == use) & catalogue.warm.known & (in_store >= 0))
        if len(rows) < 4:
            figures.append((None, None))
            continue
        embeddings = predictor.embed_store(store, in_store[rows])
        share = len(rows) / max(1, n_train)
        figures.append(_loss(embeddings, catalogue.warm.tracks[rows], catalogue.warm.centre, config, share, seed))
    losses, accuracies = zip(*figures, strict=True)
    return {"loss": list(losses), "accuracy": list(accuracies), "margin": config.margin}


def _loss(
    embeddings: np.ndarray[Any, np.dtype[np.float32]],
    factors: np.ndarray[Any, np.dtype[np.float32]],
    centre: np.ndarray[Any, np.dtype[np.float32]],
    config: TripletOffline,
    share: float,
    seed: int,
) -> tuple[float, float]:
    import torch

    from unheard.training.networks.losses import OfflineTriplets
    from unheard.training.networks.triplets import neighbourhoods

    nearest, farthest = (max(1, round(share * n)) for n in (config.nearest, config.farthest))
    near = neighbourhoods(factors, centre, nearest=nearest, buffer=0, farthest=farthest)
    triplets = OfflineTriplets(near, config.margin, None)
    n = DRAWS * len(factors)
    (items,) = triplets.epoch(np.random.default_rng([seed, 21]), n, n)
    loss, stats = triplets.loss(torch.from_numpy(embeddings[items]), items)
    return float(loss), stats["accuracy"]
