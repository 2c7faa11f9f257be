"""Solve implicit ALS in plain NumPy, as the paper writes it: slow and in float64, the reference for tests of `als.py`.

Hu, Koren and Volinsky (2008), equations 3 to 5. P and C are dense here, so this is for small matrices only.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles
from unheard.factors.als import AlsConfig


def preference_and_confidence(plays: csr_matrix, config: AlsConfig) -> tuple[Doubles, Doubles]:
    """Return P = 1[r > 0] and C = 1 + alpha r, both (m, n)."""
    R = np.maximum(plays.toarray().astype(np.float64), 0)
    P = (R > 0).astype(np.float64)
    return P, 1 + config.alpha * (P if config.binary else R)


def objective(P: Doubles, C: Doubles, X: Doubles, Y: Doubles, regularization: float) -> float:
    """Return the loss of equation 3."""
    return float((C * (P - X @ Y.T) ** 2).sum() + regularization * ((X**2).sum() + (Y**2).sum()))


def half_step(P: Doubles, C: Doubles, Y: Doubles, regularization: float) -> Doubles:
    """Return X (m, d) of equation 4, x_u = (Y' C_u Y + lambda I)^-1 Y' C_u p_u; equation 5 is this on P', C' and X."""
    X = np.zeros((len(P), Y.shape[1]))
    for u, (p, c) in enumerate(zip(P, C, strict=True)):
        A = Y.T @ (c[:, None] * Y) + regularization * np.eye(Y.shape[1])
        X[u] = np.linalg.solve(A, Y.T @ (c * p))
    return X


def fit(plays: csr_matrix, config: AlsConfig, X: Doubles, Y: Doubles) -> tuple[Doubles, Doubles, list[float]]:
    """Alternate from X (m, d) and Y (n, d); return both, and the objective before and after each half step."""
    P, C = preference_and_confidence(plays, config)
    losses = [objective(P, C, X, Y, config.regularization)]
    for _ in range(config.iterations):
        X = half_step(P, C, Y, config.regularization)
        losses.append(objective(P, C, X, Y, config.regularization))
        Y = half_step(P.T, C.T, X, config.regularization)
        losses.append(objective(P, C, X, Y, config.regularization))
    return X, Y, losses
