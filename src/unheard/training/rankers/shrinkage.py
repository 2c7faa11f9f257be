"""Shrinkage of artists' means towards a ridge on sound; kappa is chosen by how validation tracks are ranked.

Validation tracks that are all by new artists cannot tell kappas apart; the default is kept then.
"""

from __future__ import annotations

import numpy as np
import torch

from unheard.inference.artists import count_of
from unheard.models.rankers.shrinkage import ArtistAndSound, Shrinkage
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.closed_form import Regression, average
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.validation import judges, ndcg


def fit_shrinkage(
    data: TrainingData,
    config: Shrinkage,
    *,
    seed: int,  # noqa: ARG001 - nothing is drawn
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Places are factors. ValueError for inputs without the columns of artists (training/artists.py)."""
    n, dim = len(data.train), data.train.factors.shape[1]
    if data.n_artist_features != dim + 1:
        raise ValueError("shrinkage needs to be told about artists; set artist = true")
    known, val = data.train.features, data.validation.features
    known_content, val_content = known[:, : data.n_content_features], val[:, : data.n_content_features]
    regression = Regression.of(known_content, data.train.factors)
    found = average(
        sorted(config.penalties),
        config.penalty,
        data,
        lambda penalty: regression.coefficients(penalty * n),
        lambda coefficients: regression.predict(val_content, coefficients),
        lambda penalty: {"penalty": penalty},
        config.temperature,
    )
    progress("shrinkage", 1, 2)
    linear = regression.linear(found.coefficients)
    centre = torch.from_numpy(data.train.factors.mean(axis=0, dtype=np.float64).astype(np.float32))
    asked = judges(data)
    best, kept, history = -1.0, config.kappa, list(found.history)
    if len(asked) and count_of(val).any():
        for kappa in config.kappas:
            tower = ArtistAndSound(linear, centre, data.artist_scale, kappa)
            quality = ndcg(data.playlist_factors, tower(torch.from_numpy(val)).numpy(), data, asked)
            history.append({"kappa": kappa, "ndcg": quality})
            if quality > best:
                best, kept = quality, kappa
    progress("shrinkage", 2, 2)
    tower = ArtistAndSound(linear, centre, data.artist_scale, kept)
    return Ranker(tower.eval(), data.playlist_factors, data.train.factors, tuple(history))
