"""What would have been, had some plays not happened: plays are hidden and the factors fitted again on the rest.

Nothing is stored; the workspace's own factors stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.factors.als import AlsConfig, fit_als, fold_in
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue, Space
from unheard.recommend.recommenders import Rows
from unheard.splits import Use

HIDDEN_ONE_IN = 5


def hide(catalogue: Catalogue, *, rng: np.random.Generator) -> tuple[csr_matrix, csr_matrix]:
    """Train plays (m, n) in two: what stays known, and what is hidden, a fifth of each playlist rounded down."""
    plays = catalogue.train_plays
    counts = np.diff(plays.indptr)
    playlist = np.repeat(np.arange(len(counts)), counts)
    shuffled = np.lexsort((rng.random(plays.nnz), playlist))
    hidden = np.empty(plays.nnz, np.bool_)
    hidden[shuffled] = np.arange(plays.nnz) - plays.indptr[playlist] < (counts // HIDDEN_ONE_IN)[playlist]
    return entries(plays, ~hidden), entries(plays, hidden)


def refitted(
    catalogue: Catalogue, known: csr_matrix, hidden: csr_matrix, als: AlsConfig, progress: Progress = silent
) -> Catalogue:
    """The catalogue with factors of the `known` train plays; validation tracks are folded in, test tracks unknown."""
    config = replace(als, dim=catalogue.warm.dim)
    playlists, tracks = fit_als(known, config, progress=progress)
    val = catalogue.use == Use.VAL
    tracks[val] = fold_in(playlists, catalogue.validation_plays.T.tocsr()[val], config)
    fitted = np.any(tracks, axis=1)
    train = fitted & (catalogue.use == Use.TRAIN)
    space = Space(tracks, fitted, playlists, tracks[train].mean(axis=0, dtype=np.float64).astype(np.float32))
    n = len(catalogue)
    pairs, gone = (_pairs(plays, n) for plays in (catalogue.plays, hidden))
    plays = entries(catalogue.plays, ~np.isin(pairs, gone))
    return replace(catalogue, plays=plays, train_plays=known, warm=space, full=None)


def entries(plays: csr_matrix, keep: NDArray[np.bool_]) -> csr_matrix:
    """The same matrix with only some of its stored entries, `keep` (entry,)."""
    starts = np.concatenate([[0], np.cumsum(keep)])[plays.indptr]
    return csr_matrix((plays.data[keep], plays.indices[keep], starts), shape=plays.shape)


def _pairs(plays: csr_matrix, n_tracks: int) -> Rows:
    """One number for each stored (playlist, track)."""
    playlist = np.repeat(np.arange(plays.shape[0], dtype=np.int64), np.diff(plays.indptr))
    pairs: Rows = playlist * n_tracks + plays.indices
    return pairs
