"""Define recommenders, which score tracks for playlists and compare tracks with tracks.

Scores are comparable within one query only. Every recommender obeys the same laws (tests/recommend/
test_every_recommender.py): scores are float32 and finite, the score of a pair does not depend on what else is scored,
and candidates that a recommender cannot distinguish have equal scores, so that ties are broken at random.

Matrix products are computed in float64 and rounded to float32. The order in which BLAS adds depends on the shape of a
block; rounding removes the difference, so a list is the same whether it is computed alone or in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Rows
from unheard.ranking import mix, tie_keys
from unheard.recommend.combined import PairScorer

Scores = NDArray[np.float32]

# A centred vector shorter than this share of a typical factor is rounding noise of the float32 mean: no direction.
NOISE = 1e-4
MAX_STORED_DIRECTIONS = 100_000  # tracks: 160 MB for 200 factors
PART = 65_536  # candidates of a matrix product: bounds the memory of their float64 copies


class Recommender(Protocol):
    """A model that ranks tracks. Rows are those of the catalogue that it was made for."""

    @property
    def name(self) -> str: ...

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        """Return the scores of candidates for playlists, (playlist, candidate); larger is better."""
        ...

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        """Return the similarities of tracks, (query, candidate); larger is more similar."""
        ...


class PairRanker(Protocol):
    """The part of a recommender that scores tracks for playlists."""

    def scores(self, playlists: Rows, candidates: Rows) -> Scores: ...


@runtime_checkable
class HasSpace(Protocol):
    """A recommender whose tracks have vectors, whose centred cosines are the similarities."""

    @property
    def space(self) -> FactorRecommender | None: ...


@runtime_checkable
class RanksNewTracks(Protocol):
    """A recommender that compares tracks from outside the catalogue, given their predicted factors (query, d)."""

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores: ...


def space_of(recommender: Recommender) -> FactorRecommender | None:
    """Return the vectors behind a recommender's similarities; None if it has no vectors."""
    return recommender.space if isinstance(recommender, HasSpace) else None


@dataclass(frozen=True)
class FactorRecommender:
    """Ranks by latent factors (fitted, predicted, folded in or mean), all in one space.

    tracks     (n, d) factor of each track, un-standardised
    playlists  (m, d) factor of each playlist
    centre     (d,) mean factor of the known train tracks
    full       whether they are factors of all plays, test plays included
    predicted  (n, d) factors predicted for all tracks, where those of train tracks in `tracks` come from plays;
               None if all of `tracks` are of one kind

    The score of a track for a playlist is the dot product of their factors, as in the factorisation: the predicted
    preference, near 1 for a track that fits and near 0 for one that does not.

    The similarity is the cosine after `centre` is subtracted, -1 to 1. Implicit factors share a large popularity
    component, which makes all plain cosines positive and almost equal; after centring, 0 means "as similar as chance".
    The mean is that of the train tracks, so that it contains no information about test tracks. A track at the mean,
    such as one without a prediction, has similarity 0 to all tracks.
    """

    name: str
    tracks: NDArray[np.float32]
    playlists: NDArray[np.float32]
    centre: NDArray[np.float32]
    full: bool = False
    predicted: NDArray[np.float32] | None = None

    @property
    def space(self) -> FactorRecommender:
        return self

    @property
    def in_one_space(self) -> FactorRecommender:
        """Return the recommender by predicted factors of all tracks, train tracks included.

        Factors from plays and predicted ones have different distributions (docs/decisions/0015), so that distances
        between the two kinds say little. A track without a prediction keeps its factor from plays.
        """
        return self if self.predicted is None else self._with_predicted

    @cached_property
    def _with_predicted(self) -> FactorRecommender:
        assert self.predicted is not None
        has_prediction = self.directions(self.predicted).any(axis=1, keepdims=True)
        tracks = np.where(has_prediction, self.predicted, self.tracks)
        return replace(self, tracks=tracks, predicted=None)

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        x = self.playlists[playlists]
        return _side_by_side([_product(x, self.tracks[rows]) for rows in _parts(candidates)])

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        if self.is_large:
            x = self._directions_of(queries)
            return _side_by_side([_product(x, self._directions_of(rows)) for rows in _parts(candidates)])
        if 2 * len(candidates) > len(self._directions):  # multiplying all rows is faster than copying most of them
            return _product(self._directions[queries], self._directions)[:, candidates]
        return _product(self._directions[queries], self._directions[candidates])

    def roughly_similar(self, queries: Rows, candidates: Rows) -> Scores:
        """Return `similarities` in single precision, for explanations, in a third of the time."""
        if self.is_large:
            x, y = (self._directions_of(rows).astype(np.float32) for rows in (queries, candidates))
            found: Scores = x @ y.T
            return found
        x = self._directions_float32[queries]
        near: Scores
        if len(queries) == 1 and 2 * len(candidates) > len(self._directions_float32):
            near = (x @ self._directions_float32.T)[:, candidates]
        else:
            near = x @ self._directions_float32[candidates].T
        return near

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Return the similarities of factors from outside the catalogue (query, d), such as those of a new file."""
        x = self.directions(vectors)
        if self.is_large:
            return _side_by_side([_product(x, self._directions_of(rows)) for rows in _parts(candidates)])
        return _product(x, self._directions[candidates])

    @property
    def is_large(self) -> bool:
        """Whether the directions of all tracks would take too much memory, so that they are computed when needed."""
        return len(self.tracks) > MAX_STORED_DIRECTIONS

    def _directions_of(self, rows: Rows) -> NDArray[np.float64]:
        return self.directions(self.tracks[rows])

    @property
    def min_length(self) -> float:
        """Length of a centred vector up to which it has no direction."""
        return NOISE * self._typical_length

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        return self.directions(self.tracks)

    @cached_property
    def _directions_float32(self) -> NDArray[np.float32]:
        return self._directions.astype(np.float32)

    def directions(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the centred vectors (row, d) scaled to length 1, or to 0 where only rounding noise is left."""
        centred = vectors.astype(np.float64) - self.centre
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        directions: NDArray[np.float64] = np.divide(
            centred, lengths, out=np.zeros_like(centred), where=lengths > self.min_length
        )
        return directions

    @cached_property
    def _typical_length(self) -> float:
        """Return the root mean square length of the factors before centring."""
        squares = np.empty(len(self.tracks))
        for rows in _parts(np.arange(len(self.tracks))):
            squares[rows] = (self.tracks[rows].astype(np.float64) ** 2).sum(axis=1)
        return float(np.sqrt(squares.mean())) if len(squares) else 0.0


@dataclass(frozen=True)
class OracleRecommender:
    """Ranks by the true factors: the ceiling of what a model that predicts factors can reach.

    warm  scores playlists. Playlist factors are fitted on train plays, so the best track factors are the fold-in
    full  compares tracks by the factors of all plays (see the docstring of evaluate/similar_task.py)
    """

    warm: FactorRecommender
    full: FactorRecommender
    name: str = "oracle"

    @property
    def space(self) -> FactorRecommender:
        return self.full

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self.warm.scores(playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.full.similarities(queries, candidates)


@dataclass(frozen=True)
class Scale:
    """Maps a cold score s to slope s + offset, the score of a warm track with the same probability of a play.

    calibration.py fits it.
    """

    slope: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class WarmColdScorer:
    """Scores lists that hold warm and cold tracks.

    warm   scores warm tracks by their own factors
    cold   (n,) bool, the tracks that a model scores
    scale  maps the scores of the model to those of `warm`
    """

    warm: FactorRecommender
    cold: NDArray[np.bool_]
    scale: Scale

    def scores(self, model: PairRanker, playlists: Rows, candidates: Rows) -> Scores:
        """Return scores (playlist, candidate). If all candidates are cold, they are those of the model, unscaled."""
        cold = self.cold[candidates]
        if cold.all():
            return model.scores(playlists, candidates)
        found = np.empty((len(playlists), len(candidates)), np.float32)
        found[:, ~cold] = self.warm.scores(playlists, candidates[~cold])
        if cold.any():
            predicted = model.scores(playlists, candidates[cold]).astype(np.float64)
            found[:, cold] = (self.scale.slope * predicted + self.scale.offset).astype(np.float32)
        return found


@dataclass(frozen=True)
class EmbeddingRecommender:
    """Ranks in a model's own embedding space and compares tracks by the warm factors that the model predicts.

    A score is the dot product of embeddings, a weighted sum of standardised scores of the blend's members; with
    `pairs`, their combination by what is known of the pair (combined.py). Only its order has a meaning. With
    `warm_cold`, warm tracks are ranked by their own factors.
    """

    name: str
    ranking: FactorRecommender
    factors: FactorRecommender
    warm_cold: WarmColdScorer | None = None
    pairs: PairScorer | None = None

    @property
    def space(self) -> FactorRecommender:
        return self.factors

    @property
    def embedding(self) -> PairRanker:
        """How the model itself scores tracks, without factors of warm ones."""
        return self.ranking if self.pairs is None else CombinedRanking(self.ranking, self.pairs)

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        if self.warm_cold is None:
            return self.embedding.scores(playlists, candidates)
        return self.warm_cold.scores(self.embedding, playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Return the similarities of factors from outside the catalogue (query, d)."""
        return self.factors.vector_similarities(vectors, candidates)


@dataclass(frozen=True)
class CombinedRanking:
    """Ranks by embeddings of a blend's members, combined by `pairs`."""

    embeddings: FactorRecommender
    pairs: PairScorer

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self.pairs.scores(self.embeddings.playlists, self.embeddings.tracks, playlists, candidates)


@dataclass(frozen=True)
class RandomRecommender:
    """Ranks at random: a score is a number in [0, 1) hashed from (seed, query, candidate)."""

    seed: int
    name: str = "random"

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self._numbers(playlists, candidates, salt=1)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self._numbers(queries, candidates, salt=2)

    def _numbers(self, queries: Rows, candidates: Rows, *, salt: int) -> Scores:
        # The salt makes the numbers independent of the keys that break ties.
        seed = int(mix(np.array([self.seed % 2**64], np.uint64) ^ mix(np.array([salt], np.uint64)))[0])
        keys = tie_keys(seed, np.asarray(queries)[:, None], np.asarray(candidates)[None, :])
        return (keys >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


@dataclass(frozen=True)
class PopularityRecommender:
    """Ranks every playlist's candidates by the number of playlists that hold a track, in train plays.

    Cold tracks have no train plays, so their scores are equal; tables of cold tracks leave this model out.
    """

    counts: NDArray[np.float32]  # (n,)
    name: str = "popularity"

    @staticmethod
    def of(train_plays: csr_matrix) -> PopularityRecommender:
        """Count plays of train tracks (m, n)."""
        return PopularityRecommender(
            np.bincount(train_plays.indices, minlength=train_plays.shape[1]).astype(np.float32)
        )

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return np.repeat(self.counts[candidates][None, :], len(playlists), axis=0)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.scores(queries, candidates)


def _parts(candidates: Rows) -> list[Rows]:
    """Return the candidates in parts of bounded size; one part, perhaps empty, of few."""
    return [candidates[start : start + PART] for start in range(0, max(1, len(candidates)), PART)]


def _side_by_side(parts: list[Scores]) -> Scores:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _product(left: NDArray[np.floating], right: NDArray[np.floating]) -> Scores:
    return (left.astype(np.float64, copy=False) @ right.astype(np.float64, copy=False).T).astype(np.float32)
