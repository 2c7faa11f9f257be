"""A world in which the sound tells everything: playlists have tastes, features are mixtures of what they like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_matrix

from unheard.arrays import Floats
from unheard.factors.als import AlsConfig, fit_als, fold_in
from unheard.ids import IdMap
from unheard.training.dataset import TrackArrays, TrainingData
from unheard.training.rankers.ranker import Ranker

HIDDEN = 3


@dataclass(frozen=True)
class World:
    """The training data of a ranker, and features (test, f) and plays (m, test) of the test tracks."""

    data: TrainingData
    test_features: Floats
    test_plays: csr_matrix


def make_world(*, seed: int = 0, n_playlists: int = 120, listed: int = 24) -> World:
    """120 train tracks, 40 validation and 40 test tracks; the last two playlists hold no train track."""
    rng = np.random.default_rng(seed)
    n_train, n_val, n_test = 120, 40, 40
    n = n_train + n_val + n_test
    hidden, tastes = rng.normal(size=(n, HIDDEN)), rng.normal(size=(n_playlists, HIDDEN))
    scores = tastes @ hidden.T + 0.3 * rng.gumbel(size=(n_playlists, n))
    listed_most = np.argsort(-scores, axis=1)[:, :listed]  # (playlist, listed)
    plays = np.zeros((n_playlists, n), np.float32)
    np.put_along_axis(plays, listed_most, 1.0, axis=1)
    plays[-2:, :n_train] = 0
    audio = np.concatenate([hidden @ rng.normal(size=(HIDDEN, 8)), rng.normal(size=(n, 4))], axis=1)
    known = audio[:n_train]
    x = ((audio - known.mean(axis=0)) / known.std(axis=0)).astype(np.float32)
    train, validation_plays, held = (csr_matrix(part) for part in np.split(plays, [n_train, n_train + n_val], axis=1))
    playlists, tracks = fit_als(train, AlsConfig(dim=6, iterations=8))
    val = fold_in(playlists, validation_plays.T.tocsr(), AlsConfig(dim=6))

    def arrays_of(rows: slice, factors: Floats, plays: csr_matrix) -> TrackArrays:
        numbers = np.arange(n)[rows]
        names = [f"artist {number:03}" for number in numbers]
        return TrackArrays(IdMap(f"{number:03}" for number in numbers), factors, plays, x[rows], names, numbers)

    data = TrainingData(
        arrays_of(slice(0, n_train), tracks, train),
        arrays_of(slice(n_train, n_train + n_val), val, validation_plays),
        IdMap(f"playlist {row}" for row in range(n_playlists)),
        playlists,
    )
    return World(data, x[n_train + n_val :], held)


def without_validation(data: TrainingData) -> TrainingData:
    """Return the same train tracks, without validation tracks."""
    return replace(data, validation=data.validation.take(np.zeros(0, np.int64)))


def with_features(data: TrainingData, train: Floats, validation: Floats) -> TrainingData:
    """Return the same tracks with other features."""
    return replace(
        data, train=replace(data.train, features=train), validation=replace(data.validation, features=validation)
    )


def without_features(data: TrainingData) -> TrainingData:
    """Return the same tracks, with features that are zero."""
    return with_features(data, *(np.zeros_like(part.features) for part in (data.train, data.validation)))


def embeddings_of(ranker: Ranker, features: Floats) -> Floats:
    """Return the embeddings (n, k) of tracks with these features."""
    with torch.no_grad():
        found: Floats = ranker.tower(torch.from_numpy(features)).numpy()
    return found


def auc(scores: Floats, held: csr_matrix) -> float:
    """Return how often a test track of a playlist scores above one that is not in it; mean over playlists with some."""
    shares = []
    for row, wanted in zip(scores, held.toarray() > 0, strict=True):
        if wanted.any() and not wanted.all():
            good, bad = row[wanted][:, None], row[~wanted][None, :]
            shares.append(((good > bad) + 0.5 * (good == bad)).mean())
    return float(np.mean(shares))
