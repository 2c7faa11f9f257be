"""Playlists of neighbours, for factors that were imported into a library without playlists.

Rankers learn from playlists. Where there are only factors, each train track stands for a playlist of the tracks that
are nearest to it by centred cosine, which is what `unheard similar` compares. Test tracks take no part.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats
from unheard.ids import IdMap
from unheard.ranking import blocks, top_k_in_order

NEAREST = 20  # tracks of a playlist, with the one that it stands for
MAX_PLAYLISTS = 20_000  # more change the training less than its seed does


def neighbour_playlists(train_ids: IdMap, train: Floats, validation: Floats) -> tuple[IdMap, csr_matrix, Floats]:
    """Return ids (m), binary plays (m, train + validation) float32 and factors (m, d) float32 of the playlists.

    train, validation  (train, d) and (validation, d) factors

    A playlist's factor is the direction of its track from the mean of the train tracks, so that its product with
    factors orders tracks as their distances along that direction.
    """
    centre = train.mean(axis=0, dtype=np.float64)
    directions = np.concatenate([train, validation]) - centre
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = np.divide(directions, lengths, out=np.zeros_like(directions), where=lengths > 0).astype(np.float32)
    rows = np.flatnonzero(lengths[: len(train), 0] > 0)
    if len(rows) > MAX_PLAYLISTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_PLAYLISTS, replace=False))
    n = min(NEAREST, len(directions))
    columns, order = np.empty((len(rows), n), np.int32), np.arange(len(directions))
    for block in blocks(len(rows), len(directions)):
        columns[block] = np.sort(top_k_in_order(directions[rows[block]] @ directions.T, n, order), axis=1)
    shape = (len(rows), len(directions))
    entries = np.ones(columns.size, np.float32), columns.ravel(), np.arange(0, columns.size + 1, n)
    plays = csr_matrix(entries, shape=shape)
    return IdMap(f"near {track}" for track in train_ids.take(rows)), plays, directions[rows]
