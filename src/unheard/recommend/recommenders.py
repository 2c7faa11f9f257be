"""What can rank: recommenders score playlists against tracks, and tracks against tracks.

Scores compare candidates of one query and nothing else. Every recommender follows the same laws (tests/recommend/
test_every_recommender.py): float32, finite, the same for a pair whatever else is scored beside it, and equal for
candidates it cannot tell apart, so that they are told apart at random.

Matrix products are computed in float64 and rounded to float32. BLAS adds in another order when the shape of a block
changes; after rounding that is invisible, so a list written alone and a list measured in a batch are the same list.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.ranking import mix, tie_keys

Rows = NDArray[np.integer]
Scores = NDArray[np.float32]

# A centred vector this much shorter than a typical factor is rounding noise (a float32 mean of many rows is only this
# exact): its direction means nothing.
NOISE = 1e-4


class Recommender(Protocol):
    """Anything that ranks tracks. Rows are those of the catalogue it was made for."""

    @property
    def name(self) -> str: ...

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        """How well candidates suit playlists, (playlist, candidate); larger is better."""
        ...

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        """How alike tracks are, (query, candidate); larger is more alike."""
        ...


@runtime_checkable
class HasSpace(Protocol):
    """A recommender whose tracks lie somewhere: cosines around the mean say what is near what."""

    @property
    def space(self) -> FactorRecommender | None: ...


@runtime_checkable
class RanksNewTracks(Protocol):
    """A recommender that can compare tracks from outside the catalogue, given their predicted factors."""

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores: ...


def space_of(recommender: Recommender) -> FactorRecommender | None:
    """Where a recommender's tracks lie; None for one without a notion of near."""
    return recommender.space if isinstance(recommender, HasSpace) else None


@dataclass(frozen=True)
class FactorRecommender:
    """Ranks by latent factors: predicted ones, folded-in ones or averages, all in one space.

    tracks     (n, d) factor of each track, un-standardised
    playlists  (m, d) factor of each playlist
    centre     (d,) mean factor of the known train tracks
    full       whether they are factors of all plays, test plays included

    A playlist's score of a track is their dot product, as in the factorisation itself: a predicted preference, near 1
    for "would be in it" and near 0 for "would not".

    Similarity is the cosine after `centre` is subtracted, -1 to 1. Implicit factors share a large common part (what
    everybody plays), which makes every plain cosine positive and alike; around the mean, 0 reads "no more alike than
    chance". The mean is that of the train tracks alone, because test tracks must not shape what they are tested by.
    A track at the mean (such as one without a prediction) has similarity 0 to everything.
    """

    name: str
    tracks: NDArray[np.float32]
    playlists: NDArray[np.float32]
    centre: NDArray[np.float32]
    full: bool = False

    @property
    def space(self) -> FactorRecommender:
        return self

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return _product(self.playlists[playlists], self.tracks[candidates])

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        if 2 * len(candidates) > len(self._directions):  # multiplying a few more is quicker than copying most
            return _product(self._directions[queries], self._directions)[:, candidates]
        return _product(self._directions[queries], self._directions[candidates])

    def roughly_similar(self, queries: Rows, candidates: Rows) -> Scores:
        """`similarities` in single precision: for what is shown beside a ranking, at a third of the time."""
        queried = self._rough[queries]
        near: Scores
        if len(queries) == 1 and 2 * len(candidates) > len(self._rough):
            near = (queried @ self._rough.T)[:, candidates]
        else:
            near = queried @ self._rough[candidates].T
        return near

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Similarities of factors from outside the catalogue (query, d), such as those of a new audio file."""
        return _product(self.directions(vectors), self._directions[candidates])

    @cached_property
    def _directions(self) -> NDArray[np.float64]:
        return self.directions(self.tracks)

    @cached_property
    def _rough(self) -> NDArray[np.float32]:
        return self._directions.astype(np.float32)

    def directions(self, vectors: NDArray[np.floating]) -> NDArray[np.float64]:
        """Centred vectors of length 1, or 0 where only rounding noise is left."""
        centred = vectors.astype(np.float64) - self.centre
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        noise = NOISE * self._scale
        directions: NDArray[np.float64] = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > noise)
        return directions

    @cached_property
    def _scale(self) -> float:
        """A typical length of a factor, with the common part in it."""
        squares = (self.tracks.astype(np.float64) ** 2).sum(axis=1)
        return float(np.sqrt(squares.mean())) if len(squares) else 0.0


@dataclass(frozen=True)
class OracleRecommender:
    """The ceiling: the true factors. `warm` (test tracks folded in) scores playlists, `full` compares tracks.

    The playlists' vectors are warm at test time, so the best that a model can predict for them is the fold-in; true
    neighbours come from the factors of all plays (see the docstring of evaluate/similar_task.py).
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
    """A cold score s becomes slope s + offset, the score of a warm track with the same chance (calibration.py)."""

    slope: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class BesideWarm:
    """Lists of warm and cold tracks: the warm by their own factors, `cold` (n,) ones by a model on the warm's scale."""

    warm: FactorRecommender
    cold: NDArray[np.bool_]
    scale: Scale

    def scores(self, model: Recommender, playlists: Rows, candidates: Rows) -> Scores:
        """Scores (playlist, candidate); the model's own where no candidate is warm, for there is no second scale."""
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
    """Ranks by places of its own making and compares tracks by the warm factors it predicts.

    A score is a weighted sum of its members' standardised scores: larger is better, and that is all it says. With
    `beside`, tracks that plays have placed are ranked by their own factors.
    """

    name: str
    ranking: FactorRecommender
    factors: FactorRecommender
    beside: BesideWarm | None = None

    @property
    def space(self) -> FactorRecommender:
        return self.factors

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        if self.beside is None:
            return self.ranking.scores(playlists, candidates)
        return self.beside.scores(self.ranking, playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.factors.similarities(queries, candidates)

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """As `FactorRecommender.vector_similarities`."""
        return self.factors.vector_similarities(vectors, candidates)


@dataclass(frozen=True)
class RandomRecommender:
    """Chance: a number in [0, 1) hashed from (seed, query, candidate)."""

    seed: int
    name: str = "random"

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self._numbers(playlists, candidates, salt=1)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self._numbers(queries, candidates, salt=2)

    def _numbers(self, queries: Rows, candidates: Rows, *, salt: int) -> Scores:
        # Salted, so that the numbers have nothing to do with the keys that break ties.
        seed = int(mix(np.array([self.seed % 2**64], np.uint64) ^ mix(np.array([salt], np.uint64)))[0])
        keys = tie_keys(seed, np.asarray(queries)[:, None], np.asarray(candidates)[None, :])
        return (keys >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


@dataclass(frozen=True)
class PopularityRecommender:
    """The same ranking for everybody: how many playlists hold a track. Only train plays count.

    Cold tracks have no train plays, so among them it can only guess; cold tables leave it out.
    """

    counts: NDArray[np.float32]  # (n,)
    name: str = "popularity"

    @staticmethod
    def of(train_plays: csr_matrix) -> PopularityRecommender:
        """From plays of train tracks (m, n)."""
        return PopularityRecommender(
            np.bincount(train_plays.indices, minlength=train_plays.shape[1]).astype(np.float32)
        )

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return np.repeat(self.counts[candidates][None, :], len(playlists), axis=0)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.scores(queries, candidates)


def _product(left: NDArray[np.floating], right: NDArray[np.floating]) -> Scores:
    return (left.astype(np.float64, copy=False) @ right.astype(np.float64, copy=False).T).astype(np.float32)
