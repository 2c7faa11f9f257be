"""Compute factors by Bayesian personalised ranking: played tracks should score above tracks without plays.

Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback (2009), with matrix factorisation: for a
playlist u, a track i in it and a track j not in it, gradient steps minimise

    -ln sigma(x_u . y_i - x_u . y_j) + lambda / 2 (|x_u|^2 + |y_i|^2 + |y_j|^2)

The library `implicit` takes the steps, in one thread: several threads overwrite each other's steps, and results would
differ from run to run. It draws j in proportion to the number of plays. Its bias of a track becomes the last component
of the track's factors, and 1 that of every playlist's, so that a score is a dot product.
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
        for name, minimum in (("dim", 2), ("iterations", 1), ("seed", 0), ("regularization", 0.0)):
            if not minimum <= getattr(self, name) < np.inf:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least {minimum}; choose another")
        if not 0 < self.learning_rate < np.inf:
            raise UserError(f"learning_rate is {self.learning_rate}, expected more than 0; try 0.05")


def fit_bpr(plays: csr_matrix, config: BprConfig, *, progress: Progress = silent) -> FactorPair:
    """Return factors of playlists (m, dim) and tracks (n, dim), float32, from plays (m, n).

    Rows and columns without plays get zero factors and do not change the others: the result is the same, byte for
    byte, with or without them. The same seed gives the same bytes on the same machine.
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
