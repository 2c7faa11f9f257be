"""Hybrids that combine lists instead of scores: mixed and cascade.

Burke, Hybrid Recommender Systems: Survey and Experiments (2002). The pair are those of hybrids.py. A list is a
playlist's ranking of every track of the catalogue that a technique can rank, but for the playlist's own; it does not
depend on which candidates are asked for, so neither does a score.

    mixed     both lists side by side: first of taste, first of sound, second of taste, ... A track stands where it
              first appears, and its score is 1 over that place. Taste lists the train tracks; sound lists all that were
              heard.
    cascade   one technique takes a first set, the other one orders it. Of train tracks, taste takes the FIRST best and
              sound orders them. Of tracks without train plays taste cannot take anything, so there it is the reverse:
              sound takes the FIRST best, and taste at second hand, the mean factor of the train tracks that sound most
              alike, orders them. Scores of the first set are in (0, 2), of the rest in (-2, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.ranking import blocks
from unheard.recommend import predicted
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.hybrids import FactorPair, factor_pair, on_scale_of_taste
from unheard.recommend.recommenders import FactorRecommender, Rows, Scores

Floats = NDArray[np.float32]

FIRST = 50


@dataclass(frozen=True)
class TrackList:
    """What one technique ranks.

    vectors    (n, d) its factors; a score is their product with a playlist's
    members    (n,) which tracks it lists
    playlists  (m, d) factors
    own        (m, n) plays that are not listed
    """

    vectors: Floats
    members: NDArray[np.bool_]
    playlists: Floats
    own: csr_matrix

    def scores(self, rows: Rows) -> Scores:
        """Scores of every track of the catalogue (row, n); -inf where it is not listed."""
        products = self.playlists[rows].astype(np.float64) @ self.vectors.astype(np.float64).T
        scores: Scores = products.astype(np.float32)
        scores[:, ~self.members] = -np.inf
        held = self.own[rows].tocoo()
        scores[held.row, held.col] = -np.inf
        return scores


@dataclass(frozen=True)
class MixedRecommender:
    """Alternates between lists; the first one starts. Tracks in no list share the score 0."""

    name: str
    lists: tuple[TrackList, TrackList]
    factors: FactorRecommender  # for `similarities`

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        out = np.zeros((len(playlists), len(candidates)), np.float32)
        for here in blocks(len(playlists), len(self.factors.tracks)):
            for turn, listed in enumerate(self.lists):
                scores = listed.scores(playlists[here])
                there = np.isfinite(scores[:, candidates])
                place = _places(scores, candidates) * len(self.lists) - (len(self.lists) - 1) + turn
                out[here] = np.maximum(out[here], np.where(there, 1 / place, 0))
        return out

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


@dataclass(frozen=True)
class CascadeRecommender:
    """Each stage is (who takes the first set, factors (n, d) that order it); members of the stages do not overlap.

    All factors are centred and in units of the deviation of scores.
    """

    name: str
    stages: tuple[tuple[TrackList, Floats], ...]
    factors: FactorRecommender  # for `similarities`

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        out = np.full((len(playlists), len(candidates)), -2, np.float32)
        for here in blocks(len(playlists), len(self.factors.tracks)):
            for first, second in self.stages:
                coarse = first.scores(playlists[here])
                least = np.partition(coarse, -FIRST, axis=1)[:, [-FIRST]] if coarse.shape[1] > FIRST else -np.inf
                coarse, there = coarse[:, candidates], np.isfinite(coarse[:, candidates])
                x = first.playlists[playlists[here]].astype(np.float64)
                fine = x @ second[candidates].astype(np.float64).T
                staged = np.where(coarse >= least, 1 + _squash(fine), _squash(np.where(there, coarse, 0)) - 1)
                out[here] = np.where(there, staged, out[here])
        return out

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)


def mixed(catalogue: Catalogue, name: str) -> MixedRecommender:
    pair, own = factor_pair(catalogue), catalogue.train_plays
    taste = TrackList(pair.taste, pair.known, catalogue.warm.playlists, own)
    sound = TrackList(pair.sound, catalogue.content.known, catalogue.warm.playlists, own)
    return MixedRecommender(name, (taste, sound), _geometry(catalogue, name, pair))


def cascade(catalogue: Catalogue, name: str) -> CascadeRecommender:
    pair, own = factor_pair(catalogue), catalogue.train_plays
    alike = on_scale_of_taste(catalogue, predicted.content_neighbours(catalogue))
    centre, unit = catalogue.warm.centre, pair.deviation or 1.0
    taste, sound, alike = ((vectors - centre) / np.float32(unit) for vectors in (pair.taste, pair.sound, alike))
    warm = TrackList(taste, pair.known, catalogue.warm.playlists, own)
    cold = TrackList(sound, ~pair.known, catalogue.warm.playlists, own)
    return CascadeRecommender(name, ((warm, sound), (cold, alike)), _geometry(catalogue, name, pair))


def _geometry(catalogue: Catalogue, name: str, pair: FactorPair) -> FactorRecommender:
    """Tracks are alike as by their taste, or by their sound where they have none."""
    return predicted.from_predictions(catalogue, name, pair.sound)


def _places(scores: Scores, candidates: Rows) -> NDArray[np.float64]:
    """Place of each candidate in its row's list, from 1; equal scores share the first of their places."""
    places = np.empty((len(scores), len(candidates)))
    for row, line in enumerate(scores):
        places[row] = 1 + len(line) - np.searchsorted(np.sort(line), line[candidates], side="right")
    return places


def _squash(z: NDArray[np.floating]) -> NDArray[np.float64]:
    """Any number into (-1, 1), keeping the order."""
    squashed: NDArray[np.float64] = z / (1.0 + np.abs(z))
    return squashed
