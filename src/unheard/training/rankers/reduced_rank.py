"""Reduced-rank regression onto warm factors: coefficients of low rank.

Izenman, Reduced-Rank Regression for the Multivariate Linear Model (1975), theorem 1: among coefficients of rank t,

    tr (Y - XB) G (Y - XB)'  is smallest for  B_t = B G^1/2 V_t V_t' G^-1/2

with B the full-rank coefficients and V_t the t first eigenvectors of G^1/2 Y'X (X'X)^-1 X'Y G^1/2. Here X'X has ridge's
lambda added (Mukherjee & Zhu 2011), and the weights G are the playlists' second moment X_p'X_p, which turns
errors of factors into errors of scores. Directions of factors that no playlist uses are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from unheard.arrays import Doubles, Floats
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.progress import Progress, silent
from unheard.training.dataset import TrainingData
from unheard.training.rankers.closed_form import ROUNDING, DecomposedRegression, average
from unheard.training.rankers.ranker import Ranker


@dataclass(frozen=True)
class Setting:
    """A rank and a penalty."""

    rank: int
    penalty: float

    def label(self) -> dict[str, float]:
        return {"rank": float(self.rank), "penalty": self.penalty}


def fit_reduced_rank(
    data: TrainingData,
    config: ReducedRank,
    *,
    seed: int,  # noqa: ARG001 - nothing is drawn
    device: torch.device,  # noqa: ARG001 - NumPy's
    progress: Progress = silent,
) -> Ranker:
    """Embeddings are factors. The penalty is lambda over the number of train tracks."""
    n = len(data.train)
    regression, root = (
        DecomposedRegression.of(data.train.features, data.train.factors),
        score_root(data.playlist_factors),
    )
    full = data.train.factors.shape[1]
    ranks = sorted({min(rank, full) for rank in config.ranks}, reverse=True)
    found = average(
        [Setting(rank, penalty) for penalty in sorted(config.penalties) for rank in ranks],
        Setting(min(config.rank, full), config.penalty),
        data,
        lambda setting: reduced_coefficients(regression, root, rank=setting.rank, penalty=setting.penalty * n),
        lambda coefficients: regression.predict(data.validation.features, coefficients),
        Setting.label,
        config.temperature,
        progress,
        "reduced rank",
    )
    return Ranker(regression.linear(found.coefficients), data.playlist_factors, data.train.factors, found.history)


def score_root(playlists: Floats) -> tuple[Doubles, Doubles]:
    """Return G^1/2 and its pseudo-inverse, (d, d) each, of G = X'X over the playlists' factors X (m, d)."""
    wide = playlists.astype(np.float64)
    values, vectors = np.linalg.eigh(wide.T @ wide)
    seen = values > ROUNDING * max(float(values[-1]), np.finfo(np.float64).tiny)
    values, vectors = np.sqrt(values[seen]), vectors[:, seen]
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T


def reduced_coefficients(
    regression: DecomposedRegression, root: tuple[Doubles, Doubles], *, rank: int, penalty: float
) -> Doubles:
    """Return B_t, (inputs, factors)."""
    weights, inverse = root
    weighted = regression.cross @ weights  # (r, d)
    _, vectors = np.linalg.eigh(weighted.T @ (weighted / (regression.energy + penalty)[:, None]))
    first = vectors[:, ::-1][:, :rank]  # (d, t)
    coefficients: Doubles = regression.coefficients(penalty) @ (weights @ first) @ (first.T @ inverse)
    return coefficients
