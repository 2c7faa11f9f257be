"""Shrinkage of artists' means towards a ridge on sound; kappa is chosen by how validation tracks are ranked.

Validation tracks that are all by new artists cannot tell kappas apart; the default is kept then.
"""

from __future__ import annotations

import numpy as np
import torch

from unheard.inference.artists import count_of
from unheard.models.rankers.shrinkage import ArtistAndSound, Shrinkage
from unheard.progress import Progress, silent
from unheard.training.dataset import Evidence
from unheard.training.rankers.closed_form import Regression, average
from unheard.training.rankers.ranker import Ranker
from unheard.training.rankers.validation import judges, ndcg


def fit_shrinkage(
    evidence: Evidence,
    config: Shrinkage,
    *,
    seed: int,  # noqa: ARG001 - nothing is drawn
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Places are factors. ValueError for inputs without the columns of artists (training/artists.py)."""
    n, dim = len(evidence.train), evidence.tracks.shape[1]
    if evidence.inputs.shape[1] != evidence.n_sound + dim + 1:
        raise ValueError("shrinkage needs to be told about artists; set artist = true")
    sound = evidence.inputs[:, : evidence.n_sound]
    regression = Regression.of(sound[evidence.train], evidence.tracks)
    found = average(
        sorted(config.penalties),
        config.penalty,
        evidence,
        lambda penalty: regression.coefficients(penalty * n),
        lambda coefficients: regression.predict(sound[evidence.val], coefficients),
        lambda penalty: {"penalty": penalty},
        config.temperature,
    )
    progress("shrinkage", 1, 2)
    linear = regression.linear(found.coefficients)
    centre = torch.from_numpy(evidence.tracks.mean(axis=0, dtype=np.float64).astype(np.float32))
    val, asked = evidence.inputs[evidence.val], judges(evidence)
    best, kept, history = -1.0, config.kappa, list(found.history)
    if len(asked) and count_of(val).any():
        for kappa in config.kappas:
            tower = ArtistAndSound(linear, centre, evidence.artist_scale, kappa)
            quality = ndcg(evidence.playlists, tower(torch.from_numpy(val)).numpy(), evidence, asked)
            history.append({"kappa": kappa, "ndcg": quality})
            if quality > best:
                best, kept = quality, kappa
    progress("shrinkage", 2, 2)
    tower = ArtistAndSound(linear, centre, evidence.artist_scale, kept)
    return Ranker(tower.eval(), evidence.playlists, evidence.tracks, tuple(history))
