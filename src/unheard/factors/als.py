"""Compute factors of playlists and tracks by implicit alternating least squares, and of new rows by fold-in.

Hu, Koren and Volinsky, Collaborative Filtering for Implicit Feedback Datasets (2008): preference p = 1[r > 0] with
confidence c = 1 + alpha r, minimising (equation 3)

    sum over all (u, i) of c_ui (p_ui - x_u . y_i)^2 + lambda (sum_u |x_u|^2 + sum_i |y_i|^2)

The library `implicit` solves it; `als_reference.py` is the same in plain NumPy, for the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from unheard.arrays import Doubles, Floats
from unheard.errors import UserError
from unheard.progress import Progress, silent

if TYPE_CHECKING:
    from implicit.cpu.als import AlternatingLeastSquares

FactorPair = tuple[Floats, Floats]  # factors of playlists (m, dim) and of tracks (n, dim)


@dataclass(frozen=True)
class AlsConfig:
    """Settings of the factorisation; `binary` counts every play as r = 1, otherwise r is the play's weight.

    The defaults are the best of those tried on real playlists (docs/results/polimi.md), except the regularization: 20
    to 80 ranks a little better there, and with alpha 10 far worse. The fewer plays there are, the more it weighs, so a
    large value is not a good default for small libraries.
    """

    dim: int = 200
    alpha: float = 20.0
    regularization: float = 0.05
    iterations: int = 20
    seed: int = 0
    binary: bool = True

    def __post_init__(self) -> None:
        for name, minimum in (("dim", 1), ("iterations", 1), ("seed", 0), ("alpha", 0.0)):
            if not minimum <= getattr(self, name) < np.inf:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least {minimum}; choose another")
        if not 0 < self.regularization < np.inf:
            raise UserError(f"regularization is {self.regularization}, expected more than 0; try 0.05")


def confidence(plays: csr_matrix, config: AlsConfig) -> csr_matrix:
    """Return c_ui = 1 + alpha r_ui where r_ui > 0, same shape, float32; entries not stored mean c = 1 and p = 0."""
    r = csr_matrix(plays, dtype=np.float32, copy=True)
    r.sum_duplicates()
    r.data[~(r.data > 0)] = 0
    r.eliminate_zeros()
    with np.errstate(over="ignore"):
        c = 1 + np.float32(config.alpha) * (1 if config.binary else r.data)
    if not np.isfinite(c).all():
        raise too_large(plays)
    r.data = np.broadcast_to(np.asarray(c, np.float32), r.data.shape).copy()
    return r


def fit_als(plays: csr_matrix, config: AlsConfig, *, progress: Progress = silent) -> FactorPair:
    """Return factors of playlists (m, dim) and tracks (n, dim), float32, from plays (m, n).

    Rows and columns without plays get zero factors and do not change the others: the result is the same, byte for
    byte, with or without them. The same seed gives the same bytes on the same machine.

    UserError if weights are so large that the factors are not finite.
    """
    from implicit.recommender_base import ModelFitError  # takes half a second; sessions that fold nothing in need none

    c = confidence(plays, config)
    rows, columns = np.flatnonzero(np.diff(c.indptr)), np.unique(c.indices)
    playlists = np.zeros((c.shape[0], config.dim), np.float32)
    tracks = np.zeros((c.shape[1], config.dim), np.float32)
    if len(rows):
        with threadpool_limits(1, "blas"):  # BLAS threads inside the threads of implicit are 10 x slower
            model = _solver(config, np.float32)
            try:
                model.fit(
                    c[rows][:, columns],
                    show_progress=False,
                    callback=lambda done, _s, _loss: progress("ALS", done + 1, config.iterations),
                )
            except ModelFitError as error:
                raise too_large(plays) from error
        playlists[rows], tracks[columns] = model.user_factors, model.item_factors
    return playlists, tracks


def fold_in(fixed: Floats, plays: csr_matrix, config: AlsConfig) -> Floats:
    """Return the best factors (m, d) of rows with plays (m, n) of `fixed` (n, d): the exact half step of equation 4.

    Computes a new playlist's factors from its tracks; with `plays.T`, a new track's factors from its playlists.
    Float32 out, float64 inside: Cholesky, no conjugate gradient. Rows without plays are zero.
    """
    if plays.shape[1] != len(fixed):
        raise ValueError(f"plays of shape {plays.shape} do not fit {len(fixed)} fixed factors")
    c = confidence(plays, config)
    if not c.nnz:
        return np.zeros((c.shape[0], fixed.shape[1]), np.float32)
    with threadpool_limits(1, "blas"):
        model = _solver(config, np.float64, dim=fixed.shape[1])
        model.item_factors = np.ascontiguousarray(fixed, np.float64)
        folded: Doubles = model.recalculate_user(np.arange(c.shape[0]), c)
    return folded.astype(np.float32)


def too_large(plays: csr_matrix) -> UserError:
    """Return the error for weights with which float32 factors are not finite."""
    return UserError(
        f"the plays weigh up to {plays.data.max(initial=0):.3g}, and the factors are not finite; import play counts, "
        "or divide the weights (hours instead of nanoseconds), or leave out --weighted"
    )


def _solver(config: AlsConfig, dtype: type[np.floating[Any]], *, dim: int | None = None) -> AlternatingLeastSquares:
    """Return a solver with alpha 1: implicit multiplies the matrix by its alpha, and ours already holds 1 + alpha r."""
    from implicit.cpu.als import AlternatingLeastSquares

    return AlternatingLeastSquares(
        factors=dim or config.dim,
        regularization=config.regularization,
        alpha=1.0,
        dtype=dtype,
        iterations=config.iterations,
        random_state=config.seed,
    )
