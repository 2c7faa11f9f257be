"""The plays of a step: of which tracks, where all train tracks would be too many, and as a matrix on the device."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

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


def plays_on(device: torch.device, listed: csr_matrix, tracks: Indices) -> Tensor:
    """Return which of `tracks` (t,), ascending columns of the plays `listed`, each playlist holds: (playlist, t) bool.

    Only the indices of plays are copied to the device.
    """
    columns = np.searchsorted(tracks, listed.indices)
    columns[columns == len(tracks)] = 0
    there = tracks[columns] == listed.indices
    rows = np.repeat(np.arange(listed.shape[0]), np.diff(listed.indptr))
    found = torch.zeros(listed.shape[0], len(tracks), dtype=torch.bool, device=device)
    found[torch.from_numpy(rows[there]).to(device), torch.from_numpy(columns[there]).to(device)] = True
    return found
