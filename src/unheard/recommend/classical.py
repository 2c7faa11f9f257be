"""The systems of the textbooks, by name: neighbours, factorisations, content, hybrids.

    what              systems                              new track
    neighbours        user-knn-*, item-knn-*               no column: ties with every other new track
    factorisations    explicit-mf, implicit-als            average: ties
    content           content-based                        placed by its sound, as every other track
    hybrids           hybrid-*, content-boosted            placed by its sound

None of them is trained beforehand or stored: each is made from the catalogue when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.errors import UserError
from unheard.factors.explicit import ExplicitConfig, fit_explicit
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.content_boosted import content_boosted
from unheard.recommend.neighbours import Similarity, nearest_playlists, nearest_tracks
from unheard.recommend.predicted import cross_fitted_ridge, from_predictions
from unheard.recommend.recommenders import FactorRecommender, Recommender, Rows, Scores
from unheard.workspace import Workspace

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
CLASSICAL = (*COLLABORATIVE, CONTENT, *HYBRIDS)


@dataclass(frozen=True)
class ExplicitRecommender:
    """Ranks by explicit factorisation: a predicted rating, with the biases of playlist and track.

    A track without train plays is expected to be rated by a playlist as its average train track: its bias and its
    factor are the mean ones. Similarity is the centred cosine of the factors, biases aside.
    """

    taste: FactorRecommender
    of_playlist: NDArray[np.float32]  # (m,) mean and bias
    of_track: NDArray[np.float32]  # (n,)

    @property
    def name(self) -> str:
        return self.taste.name

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        biases = self.of_playlist[playlists, None] + self.of_track[candidates]
        scores: Scores = self.taste.scores(playlists, candidates) + biases
        return scores

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.taste.similarities(queries, candidates)


def make_classical(workspace: Workspace, catalogue: Catalogue, name: str) -> Recommender:
    """One of CLASSICAL. The last two kinds raise UserError if no train track has both sound and plays."""
    match name.split("-"):
        case ["user", "knn", kind]:
            return nearest_playlists(name, catalogue.train_plays, _similarity(kind), adjusted=kind == "adjusted")
        case ["item", "knn", kind]:
            return nearest_tracks(name, catalogue.train_plays, _similarity(kind), adjusted=kind == "adjusted")
        case ["explicit", "mf"]:
            return _explicit(catalogue, name)
        case ["implicit", "als"]:
            nothing = np.repeat(catalogue.warm.centre[None, :], len(catalogue), axis=0)
            return from_predictions(catalogue, name, nothing)
        case ["content", "based"]:
            sound = cross_fitted_ridge(catalogue)
            return FactorRecommender(name, sound, catalogue.warm.playlists, catalogue.warm.centre)
        case ["content", "boosted"]:
            return content_boosted(catalogue, name)
    return _hybrid(workspace, catalogue, name)


def _similarity(kind: str) -> Similarity:
    """Mean-adjusted prediction goes with the similarity that takes means off too."""
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


def _hybrid(workspace: Workspace, catalogue: Catalogue, name: str) -> Recommender:
    from unheard.recommend import hybrid_lists, hybrids  # they import implicit and scipy.stats

    match name:
        case "hybrid-weighted":
            return hybrids.weighted(catalogue, name)
        case "hybrid-learned":
            return hybrids.learned(catalogue, name, hybrids.als_config(workspace, catalogue.split.name))
        case "hybrid-switching":
            return hybrids.switching(catalogue, name)
        case "hybrid-feature":
            return hybrids.feature(catalogue, name)
        case "hybrid-cascade":
            return hybrid_lists.cascade(catalogue, name)
        case "hybrid-mixed":
            return hybrid_lists.mixed(catalogue, name)
    raise UserError(f"no background system {name!r}; choose one of {', '.join(CLASSICAL)}")
