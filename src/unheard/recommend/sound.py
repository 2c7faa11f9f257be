"""Rank tracks by sound and artist alone, without factors: for libraries with no playlists, or too few to learn from.

The score of a track for a playlist is the mean cosine between its features and those of the 20 most similar tracks of
the playlist, plus log(1 + number of the playlist's tracks by the same main artist). Features are standardised over the
library and centred, so 0 means "as similar as chance". Nothing is fitted to plays, so one playlist suffices.

docs/decisions/0016-little-data.md compares it with the default model on real playlists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Rows
from unheard.ranking import blocks
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, Scores

SOUND = "sound"
N_NEAREST = 20  # tracks of a playlist that are compared with a candidate
MIN_PLAYLISTS = 50  # with fewer, `sound` ranks better than a trained model (docs/decisions/0016-little-data.md)
MIN_TO_COMPARE = 2  # a model that is fitted to one playlist scores all tracks alike
MIN_TRACKS_OF_PLAYLIST = 2  # a playlist of one track connects nothing
MAX_DEVIATIONS = 4.0  # standardised features are clipped, so that one outlier does not decide a cosine


@dataclass(frozen=True)
class SoundRecommender:
    """Ranks by the features of tracks.

    features  vectors (n, f) of the tracks; 0 for tracks without features
    own       (m, n) sparse, the tracks of each playlist that may be used as evidence
    artist    (n,) int32, number of the main artist; None: artists do not count
    scale     how a feature vector of a file from outside is standardised
    """

    features: FactorRecommender
    own: list[NDArray[np.int32]]
    artist: NDArray[np.int32] | None
    scale: Standardisation
    name: str = SOUND

    @property
    def space(self) -> FactorRecommender:
        return self.features

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        found = np.zeros((len(playlists), len(candidates)), np.float32)
        n_artists = int(self.artist.max()) + 1 if self.artist is not None and len(self.artist) else 0
        for row, playlist in enumerate(playlists):
            own = self.own[int(playlist)]
            if not len(own):
                continue
            by_artist = None if self.artist is None else np.log1p(np.bincount(self.artist[own], minlength=n_artists))
            for block in blocks(len(candidates), len(own)):
                rows = candidates[block]
                near = self.features.similarities(rows, own)
                k = min(N_NEAREST, len(own))
                nearest = np.partition(near, len(own) - k, axis=1)[:, -k:].mean(axis=1, dtype=np.float64)
                if self.artist is not None and by_artist is not None:
                    nearest += by_artist[self.artist[rows]]
                found[row, block] = nearest
        return found

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.features.similarities(queries, candidates)

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Return the similarities of feature vectors (query, f) of files from outside, not yet standardised."""
        return self.features.vector_similarities(self.scale.apply(vectors), candidates)


@dataclass(frozen=True)
class Standardisation:
    """Mean and standard deviation of each feature, (f,)."""

    mean: Floats
    deviation: Floats

    @staticmethod
    def of(values: Floats) -> Standardisation:
        """Return mean and deviation of `values` (n, f)."""
        return Standardisation(
            values.mean(axis=0, dtype=np.float64).astype(np.float32),
            values.std(axis=0, dtype=np.float64).astype(np.float32),
        )

    def apply(self, values: Floats) -> Floats:
        """Return standardised and clipped `values` (n, f); a constant feature is 0."""
        centred = values - self.mean
        scaled = np.divide(centred, self.deviation, out=np.zeros_like(centred), where=self.deviation > 0)
        clipped: Floats = np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS).astype(np.float32)
        return clipped


def usable_playlists(plays: csr_matrix) -> int:
    """Return how many playlists of `plays` (m, n) hold at least two tracks."""
    return int((np.diff(plays.indptr) >= MIN_TRACKS_OF_PLAYLIST).sum())


def too_few_playlists(n: int) -> str:
    """Return a sentence for people if a model cannot be learned well from `n` usable playlists, else ""."""
    if n >= MIN_PLAYLISTS:
        return ""
    if not n:
        return "no playlists: lists are ranked by sound alone"
    listed = "1 playlist is" if n == 1 else f"{n} playlists are"
    return f"{listed} too few to learn from: lists are ranked by sound and artist"


def sound_recommender(catalogue: Catalogue, name: str = SOUND, *, by_artist: bool = True) -> SoundRecommender:
    """Return the recommender of a catalogue; a playlist's tracks are its train tracks, under `live` all."""
    content = catalogue.content
    scale = Standardisation.of(content.values[content.known] if content.known.any() else content.values)
    features = np.where(content.known[:, None], scale.apply(content.values), np.float32(0))
    n_features = features.shape[1]
    space = FactorRecommender(
        SOUND, features, np.zeros((len(catalogue.playlists), n_features), np.float32), np.zeros(n_features, np.float32)
    )
    plays = catalogue.plays if catalogue.is_live else catalogue.train_plays
    own = [plays.indices[plays.indptr[row] : plays.indptr[row + 1]] for row in range(plays.shape[0])]
    return SoundRecommender(space, own, catalogue.main_artist if by_artist else None, scale, name)
