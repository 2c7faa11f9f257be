"""Who played the train tracks, for the losses that learn from plays. Plays of test tracks are left at the door.

The partners of a track are train tracks that share playlists with it. What a playlist holds besides train tracks is
never looked at: plays are cut to train columns (and, for validation, to validation columns) before anything is counted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.store import Factors
from unheard.ids import IdMap
from unheard.library import Library
from unheard.models.losses import Contrastive
from unheard.splits.groups import main_artist
from unheard.training.networks.batches import Items

Floats = NDArray[np.float32]
BLOCK_ROWS = 1024


@dataclass(frozen=True)
class Listening:
    """Columns of `plays` are the train tracks, of `tuning` the validation tracks; rows of both are playlists.

    plays, tuning     (m, train) and (m, val) float32 sparse, every stored entry is 1
    artist            (train,) int32 number of each train track's main artist; val_artist: (val,) the same
    playlists         (m, d) warm factors, zero for a playlist that has none
    """

    plays: csr_matrix
    tuning: csr_matrix
    artist: NDArray[np.int32]
    val_artist: NDArray[np.int32]
    playlists: Floats

    def of(self, heard: NDArray[np.intp]) -> Listening:
        """What is known of some train tracks alone, by their places."""
        return Listening(self.plays[:, heard], self.tuning, self.artist[heard], self.val_artist, self.playlists)

    def digest(self) -> bytes:
        """A hash that changes when anything here does."""
        found = hashlib.sha256()
        for matrix in (self.plays, self.tuning):
            found.update(repr(matrix.shape).encode() + matrix.indptr.tobytes() + matrix.indices.tobytes())
        for array in (self.artist, self.val_artist, self.playlists):
            found.update(array.tobytes())
        return found.digest()


def gather_listening(
    library: Library,
    factors: Factors,
    ids: IdMap,
    train: NDArray[np.int64],
    val: NDArray[np.int64],
    before: float | None,
) -> Listening:
    """Plays of rows of `ids`, before the split's cutoff if it has one. Playlists without a play of theirs are left out,
    so that nothing, not even how many playlists there are, depends on other tracks."""
    tracks = library.tracks()
    columns = tracks.ids.rows(ids, missing=-1)
    playlist_ids, plays = library.plays(tracks.ids, before=before)
    trains, tunes = (_binary(plays[:, columns[rows]]) for rows in (train, val))
    kept = np.flatnonzero(np.diff(trains.indptr) + np.diff(tunes.indptr))
    in_factors = factors.playlist_ids.rows(playlist_ids.take(kept), missing=-1)
    playlists, known = np.zeros((len(kept), factors.dim), np.float32), in_factors >= 0
    playlists[known] = factors.playlists[in_factors[known]]
    numbers: dict[str, int] = {}
    artist = np.empty(len(ids), np.int32)
    for row in np.concatenate([train, val]):
        name = main_artist(tracks[columns[row]])
        artist[row] = numbers.setdefault(f"name {name}" if name else f"row {row}", len(numbers))
    return Listening(trains[kept], tunes[kept], artist[train], artist[val], playlists)


@dataclass(frozen=True)
class Partners:
    """Of n tracks: the places of up to k others that share playlists with each, and the odds of drawing them.

    places  (n, k) int32
    odds    (n, k) float64, a row sums to 1, or to 0 for a track without partners
    drawn   (n,) float64: how often a track is drawn when all tracks that have partners draw one; sums to 1
    """

    places: NDArray[np.int32]
    odds: NDArray[np.float64]
    drawn: NDArray[np.float64]

    @property
    def anchors(self) -> Items:
        """Places of the tracks that have partners."""
        return np.flatnonzero(self.odds.any(axis=1)).astype(np.int64)

    def odds_of(self, anchors: Items, others: Items) -> NDArray[np.float64]:
        """(anchors, others): the odds that an anchor draws each of the others."""
        odds = np.zeros((len(anchors), len(self.places)))
        np.put_along_axis(odds, self.places[anchors].astype(np.int64), self.odds[anchors], axis=1)
        return odds[:, others]

    def draw(self, rng: np.random.Generator, anchors: Items) -> Items:
        """A partner for each anchor, (anchors,)."""
        behind = np.cumsum(self.odds[anchors], axis=1)  # (anchors, k)
        picks = (behind > rng.random((len(anchors), 1)) * behind[:, -1:]).argmax(axis=1)
        partners: Items = self.places[anchors, picks].astype(np.int64)
        return partners


def partners(plays: csr_matrix, artist: NDArray[np.int32], config: Contrastive) -> Partners:
    """Partners of the columns of `plays` (m, n), heaviest first.

    The weight "count" is the number of playlists that hold both; "ppmi" is
    max(0, log(count * m / (plays of one * plays of the other))), over the m playlists that hold any.
    """
    n = plays.shape[1]
    k = min(config.partners, max(1, n - 1))
    held_by = np.bincount(plays.indices, minlength=n).astype(np.float64)
    n_playlists = max(1, int(np.count_nonzero(np.diff(plays.indptr))))
    by_track = plays.T.tocsr()
    places, weights = np.empty((n, k), np.int32), np.empty((n, k))
    for start in range(0, n, BLOCK_ROWS):
        rows = np.arange(start, min(n, start + BLOCK_ROWS))
        together = (by_track[rows] @ plays).toarray().astype(np.float64)  # (block, n)
        together[rows - start, rows] = 0.0
        if config.other_artists:
            together[artist[rows][:, None] == artist[None, :]] = 0.0
        if config.weight == "ppmi":
            expected = held_by[rows][:, None] * held_by[None, :] / n_playlists
            together = np.log(np.maximum(1.0, together / np.maximum(expected, np.finfo(float).tiny)))
        places[rows] = np.argsort(-together, axis=1, kind="stable")[:, :k]
        weights[rows] = np.take_along_axis(together, places[rows], axis=1)
    sums = weights.sum(axis=1, keepdims=True)
    odds = np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)
    drawn = np.bincount(places.ravel(), odds.ravel(), minlength=n)
    return Partners(places, odds, drawn / max(1.0, float(drawn.sum())))


def need(listening: Listening | None) -> Listening:
    """What a loss that learns from plays stands on."""
    if listening is None or not listening.plays.nnz:
        raise UserError("the recipe learns from plays, but no train track has any; import playlists, or take another")
    return listening


def playlists_of(plays: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Each track's playlists: (n + 1,) where they begin, and their rows one track after the other."""
    by_track = plays.T.tocsr()
    return by_track.indptr.astype(np.int64), by_track.indices.astype(np.int32)


def _binary(plays: csr_matrix) -> csr_matrix:
    kept = csr_matrix(plays, dtype=np.float32, copy=True)
    kept.eliminate_zeros()
    kept.data[:] = 1.0
    kept.sort_indices()
    return kept
