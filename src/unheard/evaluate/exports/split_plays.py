"""The plays of a split as every export has them: each playlist and track once, with the use of the track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Doubles, Floats, Mask, Rows
from unheard.plays import Plays
from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use


@dataclass(frozen=True)
class Pairs:
    """Distinct pairs of a playlist and a track, ordered by playlist, then by track.

    playlists   (k,) int32 rows of the catalogue's playlists
    tracks      (k,) int32 rows of its tracks
    weights     (k,) float32 summed weights
    timestamps  (k,) float64 seconds since 1970 of the first play, NaN where unknown
    """

    playlists: Rows
    tracks: Rows
    weights: Floats
    timestamps: Doubles

    def __len__(self) -> int:
        return len(self.playlists)

    def take(self, some: Mask) -> Pairs:
        """Return some of the pairs."""
        return Pairs(self.playlists[some], self.tracks[some], self.weights[some], self.timestamps[some])


def pairs_of(catalogue: Catalogue, plays: Plays, use: Use) -> Pairs:
    """Return the pairs of train, validation or test tracks.

    plays  of the workspace; train and validation pairs are those before the cutoff, if the split has one, as in
           training; test pairs are all
    """
    positive = plays.for_tracks(catalogue.tracks.ids).for_playlists(catalogue.playlists).positive()
    if use != Use.TEST:
        positive = positive.before(catalogue.split.cutoff_timestamp)
    own = positive.take(catalogue.use[positive.track_rows] == use)
    matrix, first = own.matrix, own.binary()
    order = np.lexsort((first.track_rows, first.playlist_rows))  # the order of the matrix
    playlists = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
    return Pairs(playlists, matrix.indices.astype(np.int32), matrix.data, first.timestamps[order])
