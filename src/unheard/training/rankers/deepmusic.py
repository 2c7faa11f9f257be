"""Deep content-based music recommendation: a tower predicts warm factors from features.

Van den Oord, Dieleman and Schrauwen, Deep content-based music recommendation (2013). With the factor y of
a track, its prediction y', the playlists' factors X (rows x_u), preference p_u = 1 where playlist u holds the track and
confidence c_u = 1 + alpha p_u:

    mse     |y' - y|^2                               equation 4
    wpe     sum over u of c_u (p_u - x_u y')^2       equation 5
    cosine  1 - cos(y' - m, y - m)                   around the mean factor m, as similarity is measured
    score   (y' - y)' X'X (y' - y)                   the squared error of all playlists' scores

Equation 5 is summed over plays only: with p = c - 1 = 0 everywhere else, it is y'X'Xy' plus, for each play,
c (1 - s)^2 - s^2 of the play's score s. Each loss is divided by (about) its value for a constant prediction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csc_matrix
from torch import Tensor
from torch.nn import functional

from unheard.arrays import Indices
from unheard.models.rankers.deepmusic import DeepMusic, FactorNetwork
from unheard.models.rankers.tower import Tower
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.descent import descend, feature_tensors, seeded
from unheard.training.rankers.ranker import Ranker

Measure = Callable[[Tensor, Indices], Tensor]  # predicted factors (batch, d) of train tracks (batch,) -> loss
TINY = torch.finfo(torch.float32).tiny


def fit_deepmusic(
    data: TrainingData, config: DeepMusic, *, seed: int, device: torch.device, progress: Progress = silent
) -> Ranker:
    """Embeddings are factors."""
    known, new = feature_tensors(data, device)
    Y = torch.from_numpy(data.train.factors).to(device)
    centre = Y.mean(dim=0)
    measure = measure_of(data, config, device)
    unit = config.loss == "cosine"
    lengths = (Y - centre).norm(dim=1)
    scale = lengths.mean() if unit else lengths.square().mean().div(Y.shape[1]).sqrt()
    with seeded(seed, device) as rng:
        tower = Tower(config.tower, inputs=known.shape[1], outputs=Y.shape[1], unit_length=unit)
        net = FactorNetwork(tower.to(device), centre, scale)
        history = descend(
            net,
            config.descent,
            n_items=len(known),
            loss=lambda items: measure(net(known[items]), items),
            playlists=lambda: data.playlist_factors,
            val=lambda: net(new).cpu().numpy(),
            data=data,
            rng=rng,
            progress=progress,
            name="DeepMusic",
        )
    return Ranker(net.cpu(), data.playlist_factors, data.train.factors, history)


def measure_of(data: TrainingData, config: DeepMusic, device: torch.device) -> Measure:
    """Return the loss of a configuration, for factors of train tracks."""
    Y, X = torch.from_numpy(data.train.factors).to(device), torch.from_numpy(data.playlist_factors).to(device)
    centre = Y.mean(dim=0)
    match config.loss:
        case "mse":
            return lambda predicted, items: _share((predicted - Y[items]).square(), (Y - centre).square())
        case "score":
            weights = X.T @ X  # (d, d)
            return lambda predicted, items: _share(
                quadratic(predicted - Y[items], weights), quadratic(Y - centre, weights)
            )
        case "cosine":
            return lambda predicted, items: (
                1 - functional.cosine_similarity(predicted - centre, Y[items] - centre).mean()
            )
        case "wpe":
            return _weighted_prediction_error(data, X, config.alpha)


def quadratic(e: Tensor, weights: Tensor) -> Tensor:
    """Return e' W e of each row e, (n, d) and (d, d) -> (n,)."""
    forms: Tensor = ((e @ weights) * e).sum(dim=1)
    return forms


def _weighted_prediction_error(data: TrainingData, X: Tensor, alpha: float) -> Measure:
    gram, plays = X.T @ X, csc_matrix(data.train.plays)
    typical = (1 + alpha) * max(1.0, plays.nnz / max(1, plays.shape[1]))  # the error of predicting 0, for a mean track

    def measure(predicted: Tensor, items: Indices) -> Tensor:
        some = plays[:, items]
        item = np.repeat(np.arange(len(items)), np.diff(some.indptr))  # (play,)
        s = (X[some.indices] * predicted[item]).sum(dim=1)  # (play,)
        at_plays = ((1 + alpha) * (1 - s).square() - s.square()).sum()
        total: Tensor = quadratic(predicted, gram).sum() + at_plays
        share: Tensor = total / (typical * len(items))
        return share

    return measure


def _share(errors: Tensor, typical: Tensor) -> Tensor:
    return errors.mean() / typical.mean().clamp(min=TINY)
