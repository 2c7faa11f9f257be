"""Score pairs of playlist and track by the members of a blend and what else is known of them (models/combiner.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Rows
from unheard.models.combiner import Combiner, PairInputs

PAIRS_AT_ONCE = (
    1000  # of a playlist and candidates; their float64 copies stay in the cache of a core, three times as fast
)


@dataclass(frozen=True)
class PairScorer:
    """Combines the scores of members.

    plays   (m, n) the playlists' tracks that may be used as evidence
    artist  (n,) number of the main artist
    """

    combiner: Combiner
    plays: csr_matrix
    artist: Rows

    def scores(
        self, playlist_embeddings: Floats, track_embeddings: Floats, playlists: Rows, candidates: Rows
    ) -> Floats:
        """Return scores (playlist, candidate) from embeddings (m, k) and (n, k), members side by side."""
        found = np.empty((len(playlists), len(candidates)), np.float32)
        artist = self.artist[candidates]
        for row, playlist in enumerate(playlists):
            own = self.plays.indices[self.plays.indptr[playlist] : self.plays.indptr[playlist + 1]]
            artist_on = np.bincount(self.artist[own], minlength=len(self._artist_tracks))
            for start in range(0, len(candidates), PAIRS_AT_ONCE):
                block = slice(start, start + PAIRS_AT_ONCE)
                inputs = PairInputs(
                    playlist_embeddings[[playlist]],
                    track_embeddings[candidates[block]],
                    artist_on[artist[block]][None],
                    self._artist_tracks[artist[block]],
                    np.array([len(own)]),
                )
                found[row, block] = self.combiner.scores(inputs)[0]
        return found

    @cached_property
    def _artist_tracks(self) -> Rows:
        """Number of tracks with plays of each artist, (artist,)."""
        played = np.unique(self.plays.indices)
        return np.bincount(self.artist[played], minlength=int(self.artist.max(initial=-1)) + 1).astype(np.int32)
