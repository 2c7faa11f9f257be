"""Make classical recommenders by name: neighbours, factorisations, content, hybrids.

    family            names                                new tracks
    neighbours        user-knn-*, item-knn-*               have no plays: all scores are equal
    factorisations    explicit-mf, implicit-als            have the mean factor: all scores are equal
    content           content-based                        have predicted factors, as all other tracks
    hybrids           hybrid-*, content-boosted            have predicted factors
    features alone    predicted-popularity, profile-*      as all other tracks (content_profiles.py)

They are made from the catalogue on request and are not stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.errors import UserError
from unheard.factors.explicit import ExplicitConfig, fit_explicit
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.content_boosted import content_boosted
from unheard.recommend.content_profiles import CONTENT_PROFILES, make_content_profile
from unheard.recommend.neighbours import Similarity, nearest_playlists, nearest_tracks
from unheard.recommend.predicted import cross_fitted_ridge, from_predictions
from unheard.recommend.recommenders import FactorRecommender, Recommender, Scores

COLLABORATIVE = (
    "user-knn-cosine",
    "user-knn-pearson",
    "user-knn-adjusted",
    "item-knn-cosine",
    "item-knn-pearson",
    "item-knn-adjusted",
    "explicit-mf",
    "implicit-als",
)
HYBRIDS = (
    "hybrid-weighted",
    "hybrid-learned",
    "hybrid-switching",
    "hybrid-cascade",
    "hybrid-feature",
    "hybrid-mixed",
    "content-boosted",
)
CONTENT = "content-based"
CLASSICAL = (*COLLABORATIVE, CONTENT, *HYBRIDS, *CONTENT_PROFILES)


@dataclass(frozen=True)
class ExplicitRecommender:
    """Ranks by ratings that explicit factorisation predicts, with biases of playlist and track.

    Tracks without train plays have the mean bias and the mean factor of the train tracks. Similarity is the centred
    cosine of the factors, without the biases.

    playlist_bias  (m,) overall mean and bias
    track_bias     (n,)
    """

    factors: FactorRecommender
    playlist_bias: NDArray[np.float32]
    track_bias: NDArray[np.float32]

    @property
    def name(self) -> str:
        return self.factors.name

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        biases = self.playlist_bias[playlists, None] + self.track_bias[candidates]
        scores: Scores = self.factors.scores(playlists, candidates) + biases
        return scores

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


def make_classical(catalogue: Catalogue, name: str) -> Recommender:
    """Return one of CLASSICAL. CONTENT and HYBRIDS raise UserError if no train track has both features and plays."""
    match name.split("-"):
        case ["user", "knn", kind]:
            return nearest_playlists(name, catalogue.train_plays, _similarity(kind), adjusted=kind == "adjusted")
        case ["item", "knn", kind]:
            return nearest_tracks(name, catalogue.train_plays, _similarity(kind), adjusted=kind == "adjusted")
        case ["explicit", "mf"]:
            return _explicit(catalogue, name)
        case ["implicit", "als"]:
            mean = np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0)
            return from_predictions(catalogue, name, mean)
        case ["content", "based"]:
            predicted = cross_fitted_ridge(catalogue)
            return FactorRecommender(name, predicted, catalogue.warm.playlists, catalogue.warm.centre)
        case ["content", "boosted"]:
            return content_boosted(catalogue, name)
    if name in CONTENT_PROFILES:
        return make_content_profile(catalogue, name)
    return _hybrid(catalogue, name)


def _similarity(kind: str) -> Similarity:
    """Return the similarity of a kind. Mean-adjusted prediction uses Pearson's, which subtracts means too."""
    return "cosine" if kind == "cosine" else "pearson"


def _explicit(catalogue: Catalogue, name: str) -> ExplicitRecommender:
    found = fit_explicit(catalogue.train_plays, ExplicitConfig())
    played = np.zeros(len(catalogue), np.bool_)
    played[catalogue.train_plays.indices] = True
    tracks, bias = found.tracks, found.track_bias
    if played.any():
        tracks[~played], bias[~played] = tracks[played].mean(axis=0), bias[played].mean()
    centre = tracks[played].mean(axis=0) if played.any() else np.zeros(tracks.shape[1])
    vectors = (tracks.astype(np.float32), found.playlists.astype(np.float32), centre.astype(np.float32))
    base = (found.mean + found.playlist_bias).astype(np.float32)
    return ExplicitRecommender(FactorRecommender(name, *vectors), base, bias.astype(np.float32))


def _hybrid(catalogue: Catalogue, name: str) -> Recommender:
    from unheard.recommend import hybrid_lists, hybrids  # they import implicit and scipy.stats

    match name:
        case "hybrid-weighted":
            return hybrids.weighted(catalogue, name)
        case "hybrid-learned":
            return hybrids.learned(catalogue, name)
        case "hybrid-switching":
            return hybrids.switching(catalogue, name)
        case "hybrid-feature":
            return hybrids.feature_augmentation(catalogue, name)
        case "hybrid-cascade":
            return hybrid_lists.cascade(catalogue, name)
        case "hybrid-mixed":
            return hybrid_lists.mixed(catalogue, name)
    raise UserError(f"no classical recommender {name!r}; choose one of {', '.join(CLASSICAL)}")
