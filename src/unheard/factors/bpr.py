"""Bayesian personalised ranking: factors under which played tracks score above unplayed ones.

Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback (2009), with matrix factorisation: for a
playlist u, a track i in it and a track j not in it, gradient steps make smaller

    -ln sigma(x_u . y_i - x_u . y_j) + lambda / 2 (|x_u|^2 + |y_i|^2 + |y_j|^2)

The work is done by the library `implicit`, in one thread, because several overwrite each other's steps and no fit could
be repeated. It draws j as often as tracks are played. Its bias of a track is the last of our numbers, and 1 in every
playlist, so that a score is a dot product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.als import FactorPair
from unheard.progress import Progress, silent


@dataclass(frozen=True)
class BprConfig:
    """Settings of the factorisation; `dim` counts the bias. Every play is r = 1."""

    dim: int = 64
    learning_rate: float = 0.05
    regularization: float = 0.01
    iterations: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("dim", 2), ("iterations", 1), ("seed", 0), ("regularization", 0.0)):
            if not least <= getattr(self, name) < np.inf:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least {least}; choose another")
        if not 0 < self.learning_rate < np.inf:
            raise UserError(f"learning_rate is {self.learning_rate}, expected more than 0; try 0.05")


def fit_bpr(plays: csr_matrix, config: BprConfig, *, progress: Progress = silent) -> FactorPair:
    """Factors of playlists (m, dim) and tracks (n, dim), float32, from plays (m, n).

    Rows and columns without plays get zero factors and influence nothing: the result is the same, byte for byte,
    whether they are there or not. The same seed gives the same bytes on the same machine.
    """
    played = csr_matrix(plays, dtype=np.float32, copy=True)
    played.sum_duplicates()
    played.data = (played.data > 0).astype(np.float32)
    played.eliminate_zeros()
    rows, columns = np.flatnonzero(np.diff(played.indptr)), np.unique(played.indices)
    playlists = np.zeros((played.shape[0], config.dim), np.float32)
    tracks = np.zeros((played.shape[1], config.dim), np.float32)
    if len(rows):
        model = BayesianPersonalizedRanking(
            factors=config.dim - 1,
            learning_rate=config.learning_rate,
            regularization=config.regularization,
            iterations=config.iterations,
            num_threads=1,
            random_state=config.seed,
        )
        model.fit(
            played[rows][:, columns],
            show_progress=False,
            callback=lambda done, *_: progress("BPR", done + 1, config.iterations),
        )
        playlists[rows], tracks[columns] = model.user_factors, model.item_factors
    return playlists, tracks
