"""Shrink artists' mean factors towards a ridge regression on content features; kappa is chosen on validation tracks.

If all validation tracks are by new artists, kappa makes no difference to them, and the default is kept.
"""

from __future__ import annotations

import numpy as np
import torch

from unheard.inference.artists import count_of
from unheard.models.rankers.shrinkage import ArtistAndSound, Shrinkage
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.closed_form import DecomposedRegression, average
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.validation import ndcg, validation_playlists


def fit_shrinkage(
    data: TrainingData,
    config: Shrinkage,
    *,
    seed: int,  # noqa: ARG001 - nothing is drawn
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Embeddings are factors. ValueError for data without artist features (inference/artists.py)."""
    n, dim = len(data.train), data.train.factors.shape[1]
    if data.n_artist_features != dim + 1:
        raise ValueError("shrinkage needs artist features; set artist = true")
    known, val = data.train.features, data.validation.features
    known_content, val_content = known[:, : data.n_content_features], val[:, : data.n_content_features]
    regression = DecomposedRegression.of(known_content, data.train.factors)
    found = average(
        sorted(config.penalties),
        config.penalty,
        data,
        lambda penalty: regression.coefficients(penalty * n),
        lambda coefficients: regression.predict(val_content, coefficients),
        lambda penalty: {"penalty": penalty},
        config.temperature,
        progress,
        "shrinkage",
    )
    linear = regression.linear(found.coefficients)
    centre = torch.from_numpy(data.train.factors.mean(axis=0, dtype=np.float64).astype(np.float32))
    queries = validation_playlists(data)
    best, kept, history = -1.0, config.kappa, list(found.history)
    if len(queries) and count_of(val).any():
        for kappa in config.kappas:
            tower = ArtistAndSound(linear, centre, data.artist_scale, kappa)
            quality = ndcg(data.playlist_factors, tower(torch.from_numpy(val)).numpy(), data, queries)
            history.append({"kappa": kappa, "ndcg": quality})
            if quality > best:
                best, kept = quality, kappa
    tower = ArtistAndSound(linear, centre, data.artist_scale, kept)
    return Ranker(tower.eval(), data.playlist_factors, data.train.factors, tuple(history))
