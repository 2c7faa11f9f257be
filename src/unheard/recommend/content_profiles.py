"""Rank by features alone: reference predictors that a model which learns taste has to beat.

    predicted-popularity   log(1 + plays) by ridge regression on features: the same list for every playlist
    profile-mean           cosine of a track and the mean features of the playlist's train tracks
    profile-neighbours     mean cosine of a track and the 20 most similar of the playlist's train tracks

Features are standardised; those of profiles over the library, as in sound.py: `sound` is `profile-neighbours` with a
term for artists. A track without features has the mean popularity and the cosine 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Floats, Rows
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.predicted import predicted_popularity
from unheard.recommend.recommenders import FactorRecommender, Recommender, Scores
from unheard.recommend.sound import sound_recommender

CONTENT_PROFILES = ("predicted-popularity", "profile-mean", "profile-neighbours")


@dataclass(frozen=True)
class PredictedPopularityRecommender:
    """Ranks by predicted popularity (n,); two tracks are the more similar, the nearer their popularity."""

    name: str
    popularity: Floats

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return np.repeat(self.popularity[candidates][None, :], len(playlists), axis=0)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        similarity: Scores = -np.abs(self.popularity[queries, None] - self.popularity[candidates])
        return similarity


@dataclass(frozen=True)
class ProfileMeanRecommender:
    """Ranks by cosines: `directions` holds unit vectors (or 0) of tracks and of the playlists' mean features."""

    name: str
    directions: FactorRecommender

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self.directions.scores(playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.directions.similarities(queries, candidates)


def make_content_profile(catalogue: Catalogue, name: str) -> Recommender:
    """Return one of CONTENT_PROFILES.

    `predicted-popularity` raises UserError if no train track has both features and plays.
    """
    if name == "predicted-popularity":
        return PredictedPopularityRecommender(name, predicted_popularity(catalogue))
    nearest = sound_recommender(catalogue, name, by_artist=False)
    return nearest if name == "profile-neighbours" else _profile_mean(catalogue, name, nearest.features)


def _profile_mean(catalogue: Catalogue, name: str, features: FactorRecommender) -> ProfileMeanRecommender:
    sums = (catalogue.train_plays > 0).astype(np.float64) @ features.tracks  # a cosine needs no division by the number
    tracks, playlists = (features.directions(x).astype(np.float32) for x in (features.tracks, sums))
    return ProfileMeanRecommender(name, FactorRecommender(name, tracks, playlists, features.centre))
