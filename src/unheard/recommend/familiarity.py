"""How like anything known a track is: how much its place in the model's space can be trusted.

A model places a track that is unlike all of its train tracks by extrapolation. The measure is that of nearest-neighbour
outlier detection (Ramaswamy, Rastogi & Shim, 2000): the similarity (centred cosine) of a track to its K-th nearest
train track. The K-th and not the first, because one chance neighbour is no company. It is turned into a confidence by
the train tracks themselves, each measured against the others:

    confidence = share of the train tracks that are no more like their own K-th nearest neighbour

so that 0.5 is as much at home as a typical known track, and below UNFAMILIAR it is "not enough like anything known".
A track without a prediction stands at the mean, where nothing is near.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unheard.ids import Rows
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.ranking import blocks
from unheard.recommend.recommenders import FactorRecommender, Scores

K = 5
MAX_MEASURED = 2000  # train tracks whose own neighbours are looked up: a share of them all is exact enough
UNFAMILIAR = 0.05  # confidence below this is marked


@dataclass(frozen=True)
class Familiarity:
    """What `confidence` compares with.

    space   where the tracks lie
    known   rows of the train tracks with a factor, ascending
    usual   similarity of train tracks to their own K-th nearest, ascending
    """

    space: FactorRecommender
    known: Rows
    usual: NDArray[np.float32]

    def of_tracks(self, rows: Rows) -> NDArray[np.float64]:
        """Confidence in tracks of the catalogue, (row,) 0 to 1; a train track does not count as its own neighbour."""
        return self._confidence(nearness(self.space, rows, self.known))

    def of_vectors(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Confidence in predicted factors (row, d) from outside the catalogue, (row,) 0 to 1."""
        near = self.space.vector_similarities(vectors, self.known)
        return self._confidence(_kth_largest(near))

    def _confidence(self, near: Scores) -> NDArray[np.float64]:
        share: NDArray[np.float64] = np.searchsorted(self.usual, near, side="right") / max(1, len(self.usual))
        return share


def familiarity(catalogue: Catalogue, space: FactorRecommender) -> Familiarity | None:
    """What confidence is measured with; None with no more than K known tracks, which say nothing."""
    known = catalogue.candidates("warm", new=False)
    if len(known) <= K:
        return None
    measured = known
    if len(known) > MAX_MEASURED:
        measured = np.sort(np.random.default_rng(0).choice(known, MAX_MEASURED, replace=False))
    return Familiarity(space, known, np.sort(nearness(space, measured, known)))


def nearness(space: FactorRecommender, rows: Rows, known: Rows) -> Scores:
    """Similarity of each row to its K-th nearest known track other than itself, (row,)."""
    found = np.empty(len(rows), np.float32)
    for place in blocks(len(rows), len(known)):
        near = space.similarities(rows[place], known)
        near[rows[place][:, None] == known[None, :]] = -np.inf
        found[place] = _kth_largest(near)
    return found


def _kth_largest(near: Scores) -> Scores:
    kth: Scores = np.partition(near, near.shape[1] - K, axis=1)[:, near.shape[1] - K]
    return kth
