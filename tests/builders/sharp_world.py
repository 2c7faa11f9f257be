"""Factors of the music world like those of a real library: noisy from plays, in few dimensions if predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender
from unheard.splits import Use

DIM = 40
HEARD = 4  # directions that audio explains
NOISE = 3.0  # of the factors from plays, in all directions, relative to the heard ones


def recommender(catalogue: Catalogue, *, seed: int = 0) -> tuple[FactorRecommender, NDArray[np.bool_]]:
    """Return a recommender by played factors of warm tracks and predicted ones of all, and which tracks are cold."""
    rng = np.random.default_rng(seed)
    n = len(catalogue)
    taste = np.zeros((n, DIM))
    taste[:, :HEARD] = rng.standard_normal((n, HEARD))
    played = taste + NOISE * np.sqrt(HEARD / DIM) * rng.standard_normal((n, DIM))
    predicted = 0.3 * taste + 0.03 * rng.standard_normal((n, DIM))
    warm = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    tracks = np.where(warm[:, None], played, predicted).astype(np.float32)
    found = FactorRecommender(
        "sharp",
        tracks,
        np.zeros((len(catalogue.playlists), DIM), np.float32),
        np.zeros(DIM, np.float32),
        predicted=predicted.astype(np.float32),
    )
    return found, ~warm
