"""Rank by a blend whose members' scores are combined for each pair of playlist and track (models/combiner.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from unheard.models.combiner import Combiner, PairInputs
from unheard.recommend.recommenders import FactorRecommender, Rows, Scores

PAIRS_AT_ONCE = 50_000  # of playlists and candidates; each takes some 600 bytes


@dataclass(frozen=True)
class CombinedRanking:
    """Ranks by embeddings of members side by side, and by what the combiner reads besides.

    embeddings   the blend without the combiner: dot products with fixed weights
    combiner     its columns are those of the embeddings
    train_plays  (m, n) plays of the train tracks
    artist       (n,) number of the main artist
    """

    embeddings: FactorRecommender
    combiner: Combiner
    train_plays: csr_matrix
    artist: np.ndarray

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        found = np.empty((len(playlists), len(candidates)), np.float32)
        tracks, artist = self.embeddings.tracks, self.artist[candidates]
        for row, playlist in enumerate(playlists):
            own = self.train_plays.indices[self.train_plays.indptr[playlist] : self.train_plays.indptr[playlist + 1]]
            artist_on = np.bincount(self.artist[own], minlength=len(self._artist_tracks))
            for start in range(0, len(candidates), PAIRS_AT_ONCE):
                block = slice(start, start + PAIRS_AT_ONCE)
                inputs = PairInputs(
                    self.embeddings.playlists[[playlist]],
                    tracks[candidates[block]],
                    [tracks[own]],
                    artist_on[artist[block]][None],
                    self._artist_tracks[artist[block]],
                )
                found[row, block] = self.combiner.scores(inputs)[0]
        return found

    @cached_property
    def _artist_tracks(self) -> np.ndarray:
        """Return how many train tracks with plays each artist has, (artist,)."""
        played = np.unique(self.train_plays.indices)
        counts: np.ndarray = np.bincount(self.artist[played], minlength=int(self.artist.max(initial=-1)) + 1)
        return counts
