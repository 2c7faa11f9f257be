"""Which tracks a step is over, where all train tracks would be too many."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Indices


def some_tracks(listed: csr_matrix, n_tracks: int, rng: np.random.Generator) -> Indices:
    """Draw at most `n_tracks` columns of the plays (playlist, track) of a step: first those played, then others."""
    n = int(listed.shape[1])
    if n <= n_tracks:
        return np.arange(n)
    own = np.unique(listed.indices)
    if len(own) >= n_tracks:
        return np.sort(rng.choice(own, n_tracks, replace=False))
    # Others may be drawn twice or be played: they are dropped, and a step has a few tracks less.
    others = rng.integers(0, n, n_tracks - len(own))
    chosen: Indices = np.union1d(own, others)
    return chosen
