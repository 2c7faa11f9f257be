"""Make hybrid recommenders that combine lists instead of scores: mixed and cascade.

Burke, Hybrid Recommender Systems: Survey and Experiments (2002). The collaborative and content factors are those of
hybrids.py. A list is a playlist's ranking of all tracks of the catalogue that a factor can rank, without the playlist's
own tracks. It does not depend on the candidates, so the scores do not either.

    mixed     alternates between the two lists: first track by collaborative factors, first by content, second by
              collaborative factors, ... The score of a track is 1 / its first rank in the mixed list. Collaborative
              factors rank the train tracks, content factors all tracks with content
    cascade   one factor selects the N_SELECTED best tracks, the other one orders them. Train tracks are selected by
              collaborative factors and ordered by content. Tracks without train plays have no collaborative factors, so
              they are selected by content and ordered by the mean factor of the train tracks with the most similar
              timbre. Scores of selected tracks are in (0, 2), of others in (-2, 0)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Floats, Rows
from unheard.ranking import blocks
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.hybrids import HybridFactors, hybrid_factors, rescaled
from unheard.recommend.recommenders import FactorRecommender, Scores

N_SELECTED = 50


@dataclass(frozen=True)
class TrackList:
    """The lists of all playlists by one factor.

    vectors    (n, d) factors of the tracks; a score is the dot product with a playlist's
    members    (n,) bool, the tracks in the lists
    playlists  (m, d) factors of the playlists
    own        (m, n) plays that are left out of the lists
    """

    vectors: Floats
    members: NDArray[np.bool_]
    playlists: Floats
    own: csr_matrix

    def scores(self, rows: Rows) -> Scores:
        """Return scores of all tracks of the catalogue (row, n); -inf for tracks that are not in the list."""
        products = self.playlists[rows].astype(np.float64) @ self.vectors.astype(np.float64).T
        scores: Scores = products.astype(np.float32)
        scores[:, ~self.members] = -np.inf
        held = self.own[rows].tocoo()
        scores[held.row, held.col] = -np.inf
        return scores


@dataclass(frozen=True)
class MixedRecommender:
    """Alternates between two lists, starting with the first. Tracks in no list have the score 0."""

    name: str
    lists: tuple[TrackList, TrackList]
    factors: FactorRecommender  # for `similarities`

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        out = np.zeros((len(playlists), len(candidates)), np.float32)
        for rows in blocks(len(playlists), len(self.factors.tracks)):
            for offset, track_list in enumerate(self.lists):
                scores = track_list.scores(playlists[rows])
                listed = np.isfinite(scores[:, candidates])
                rank = _ranks(scores, candidates) * len(self.lists) - (len(self.lists) - 1) + offset
                out[rows] = np.maximum(out[rows], np.where(listed, 1 / rank, 0))
        return out

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


@dataclass(frozen=True)
class CascadeRecommender:
    """Ranks in stages, each (list that selects, factors (n, d) that order); a track is in one stage only.

    All factors are centred and divided by the deviation of scores.
    """

    name: str
    stages: tuple[tuple[TrackList, Floats], ...]
    factors: FactorRecommender  # for `similarities`

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        out = np.full((len(playlists), len(candidates)), -2, np.float32)
        for rows in blocks(len(playlists), len(self.factors.tracks)):
            for first, second in self.stages:
                coarse = first.scores(playlists[rows])
                threshold: Scores | float = -np.inf
                if coarse.shape[1] > N_SELECTED:
                    threshold = np.partition(coarse, -N_SELECTED, axis=1)[:, [-N_SELECTED]]
                coarse, listed = coarse[:, candidates], np.isfinite(coarse[:, candidates])
                x = first.playlists[playlists[rows]].astype(np.float64)
                fine = x @ second[candidates].astype(np.float64).T
                scores = np.where(coarse >= threshold, 1 + _squash(fine), _squash(np.where(listed, coarse, 0)) - 1)
                out[rows] = np.where(listed, scores, out[rows])
        return out

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


def mixed(catalogue: Catalogue, name: str) -> MixedRecommender:
    """Return the mixed hybrid."""
    pair, own = hybrid_factors(catalogue), catalogue.train_plays
    collaborative = TrackList(pair.collaborative, pair.known, catalogue.warm.playlists, own)
    content = TrackList(pair.content, catalogue.content.known, catalogue.warm.playlists, own)
    return MixedRecommender(name, (collaborative, content), _for_similarities(catalogue, name, pair))


def cascade(catalogue: Catalogue, name: str) -> CascadeRecommender:
    """Return the cascade hybrid."""
    pair, own = hybrid_factors(catalogue), catalogue.train_plays
    neighbours = rescaled(catalogue, predicted.content_neighbours(catalogue))
    centre, unit = catalogue.warm.centre, np.float32(pair.deviation or 1.0)
    collaborative, content, neighbours = (
        (vectors - centre) / unit for vectors in (pair.collaborative, pair.content, neighbours)
    )
    warm = TrackList(collaborative, pair.known, catalogue.warm.playlists, own)
    cold = TrackList(content, ~pair.known, catalogue.warm.playlists, own)
    stages = ((warm, content), (cold, neighbours))
    return CascadeRecommender(name, stages, _for_similarities(catalogue, name, pair))


def _for_similarities(catalogue: Catalogue, name: str, pair: HybridFactors) -> FactorRecommender:
    """Return the recommender that compares tracks: by warm factors of train tracks, by content factors of others."""
    return predicted.from_predictions(catalogue, name, pair.content)


def _ranks(scores: Scores, candidates: Rows) -> NDArray[np.float64]:
    """Return the rank of each candidate in the list of its row, from 1; equal scores share their first rank."""
    ranks = np.empty((len(scores), len(candidates)))
    for row, line in enumerate(scores):
        ranks[row] = 1 + len(line) - np.searchsorted(np.sort(line), line[candidates], side="right")
    return ranks


def _squash(z: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map numbers to (-1, 1), keeping their order."""
    squashed: NDArray[np.float64] = z / (1.0 + np.abs(z))
    return squashed
