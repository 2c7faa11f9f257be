"""Hide some train plays and fit the factors again on the others, to measure what warm factors predict.

Nothing is stored; the factors of the workspace do not change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Rows
from unheard.factors.als import fit_als, fold_in
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue, Space, entries
from unheard.splits import Use

HIDDEN_ONE_IN = 5


def hide(catalogue: Catalogue, *, rng: np.random.Generator) -> tuple[csr_matrix, csr_matrix]:
    """Return train plays in two parts (m, n): known and hidden. A fifth of each playlist, rounded down, is hidden."""
    plays = catalogue.train_plays
    counts = np.diff(plays.indptr)
    playlist = np.repeat(np.arange(len(counts)), counts)
    shuffled = np.lexsort((rng.random(plays.nnz), playlist))
    hidden = np.empty(plays.nnz, np.bool_)
    hidden[shuffled] = np.arange(plays.nnz) - plays.indptr[playlist] < (counts // HIDDEN_ONE_IN)[playlist]
    return entries(plays, ~hidden), entries(plays, hidden)


def refitted(catalogue: Catalogue, known: csr_matrix, hidden: csr_matrix, progress: Progress = silent) -> Catalogue:
    """Return the catalogue with factors fitted on the `known` train plays, and without the `hidden` plays.

    Validation tracks are folded in; test tracks have no factors.
    """
    config = catalogue.warm.als
    playlists, tracks = fit_als(known, config, progress=progress)
    val = catalogue.use == Use.VAL
    tracks[val] = fold_in(playlists, catalogue.validation_plays.T.tocsr()[val], config)
    fitted = np.any(tracks, axis=1)
    train = fitted & (catalogue.use == Use.TRAIN)
    centre = tracks[train].mean(axis=0, dtype=np.float64).astype(np.float32)
    space = Space(tracks, fitted, playlists, centre, als=config)
    n = len(catalogue)
    all_pairs, hidden_pairs = (_pair_numbers(plays, n) for plays in (catalogue.plays, hidden))
    plays = entries(catalogue.plays, ~np.isin(all_pairs, hidden_pairs))
    return replace(catalogue, plays=plays, train_plays=known, warm=space, full=None)


def _pair_numbers(plays: csr_matrix, n_tracks: int) -> Rows:
    """Return a number for each stored (playlist, track)."""
    playlist = np.repeat(np.arange(plays.shape[0], dtype=np.int64), np.diff(plays.indptr))
    numbers: Rows = playlist * n_tracks + plays.indices
    return numbers
