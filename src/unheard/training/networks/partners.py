"""Partners of a track: other train tracks that share playlists with it, for losses that learn from plays.

Plays are cut to train tracks (and for validation to validation tracks) before anything is counted
(`training/dataset.py`), so what else a playlist holds has no influence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Indices, Rows
from unheard.errors import UserError
from unheard.models.losses import Contrastive
from unheard.training.dataset import TrainingData

BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Partners:
    """Of n tracks: up to k others that share playlists with each, and the probability of drawing them.

    indices  (n, k) int32
    odds     (n, k) float64, a row sums to 1, or to 0 for a track without partners
    drawn    (n,) float64: how often a track is drawn when all tracks that have partners draw one; sums to 1
    """

    indices: Rows
    odds: Doubles
    drawn: Doubles

    @property
    def anchors(self) -> Indices:
        """Indices of the tracks that have partners."""
        return np.flatnonzero(self.odds.any(axis=1)).astype(np.int64)

    def odds_of(self, anchors: Indices, others: Indices) -> Doubles:
        """Return (anchors, others): the probability that an anchor draws each of the others."""
        odds = np.zeros((len(anchors), len(self.indices)))
        np.put_along_axis(odds, self.indices[anchors].astype(np.int64), self.odds[anchors], axis=1)
        return odds[:, others]

    def draw(self, rng: np.random.Generator, anchors: Indices) -> Indices:
        """Draw a partner for each anchor, (anchors,)."""
        cumulative = np.cumsum(self.odds[anchors], axis=1)  # (anchors, k)
        picks = (cumulative > rng.random((len(anchors), 1)) * cumulative[:, -1:]).argmax(axis=1)
        partners: Indices = self.indices[anchors, picks].astype(np.int64)
        return partners


def partners(plays: csr_matrix, artists: Rows, config: Contrastive) -> Partners:
    """Return the partners of the columns of `plays` (m, n), largest weight first.

    The weight "count" is the number of playlists that hold both; "ppmi" is
    max(0, log(count * m / (plays of one * plays of the other))), over the m playlists that hold any.
    """
    n = plays.shape[1]
    k = min(config.partners, max(1, n - 1))
    held_by = np.bincount(plays.indices, minlength=n).astype(np.float64)
    n_playlists = max(1, int(np.count_nonzero(np.diff(plays.indptr))))
    by_track = plays.T.tocsr()
    indices, weights = np.empty((n, k), np.int32), np.empty((n, k))
    for start in range(0, n, BLOCK_ROWS):
        rows = np.arange(start, min(n, start + BLOCK_ROWS))
        together = (by_track[rows] @ plays).toarray().astype(np.float64)  # (block, n)
        together[rows - start, rows] = 0.0
        if config.other_artists:
            together[artists[rows][:, None] == artists[None, :]] = 0.0
        if config.weight == "ppmi":
            expected = held_by[rows][:, None] * held_by[None, :] / n_playlists
            together = np.log(np.maximum(1.0, together / np.maximum(expected, np.finfo(float).tiny)))
        indices[rows] = np.argsort(-together, axis=1, kind="stable")[:, :k]
        weights[rows] = np.take_along_axis(together, indices[rows], axis=1)
    sums = weights.sum(axis=1, keepdims=True)
    odds = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    drawn = np.bincount(indices.ravel(), odds.ravel(), minlength=n)
    return Partners(indices, odds, drawn / max(1.0, float(drawn.sum())))


def check_plays(data: TrainingData) -> TrainingData:
    """Return `data` if a train track has plays, which some losses learn from; else raise UserError."""
    if not data.train.plays.nnz:
        raise UserError(
            "the recipe learns from plays, but no train track has any; import playlists, or use another recipe"
        )
    return data


def playlists_of(plays: csr_matrix) -> tuple[Indices, Rows]:
    """Return each track's playlists: (n + 1,) where they begin, and their rows one track after the other."""
    by_track = plays.T.tocsr()
    return by_track.indptr.astype(np.int64), by_track.indices.astype(np.int32)
