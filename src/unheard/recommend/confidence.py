"""How like anything known a track sounds: how much its predicted place can be trusted.

A model answers for any sound at all, and where it never heard the like of it, it answers with something ordinary: noise
and hum get factors in the middle of the music, so that the factors do not tell. What goes into the model does. The
measure is that of nearest-neighbour outlier detection (Ramaswamy, Rastogi & Shim, 2000): the Euclidean distance of a
track's standardised content (mel and MFCC statistics, or the user's vectors) to its K-th nearest train track. The K-th
and not the first, because one chance neighbour is no company. The train tracks, each measured against the others, make
a confidence of it:

    confidence = share of the train tracks that are at least as far from their own K-th nearest

so that 0.5 is as much in company as a typical known track, and below LOW_CONFIDENCE it is "not enough
like anything known".
A track with train plays needs no prediction: 1. A track that was not heard: 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unheard.ids import Rows
from unheard.ranking import blocks
from unheard.recommend.catalogue import Catalogue, Content
from unheard.splits import Use

Floats = NDArray[np.float32]
Values = NDArray[np.float64]

K = 5
MAX_MEASURED = 1000  # train tracks whose own distance is looked up: a share of them is exact enough
LOW_CONFIDENCE = 0.05  # confidence below this is marked


@dataclass(frozen=True)
class ConfidenceModel:
    """What `confidence` compares with.

    content     of the tracks of the catalogue
    certain     (n,) tracks that have plays to go by
    known       rows of the train tracks that were heard, ascending
    mean, scale (f,) of their content
    usual       distances of train tracks to their own K-th nearest, ascending
    """

    content: Content
    certain: NDArray[np.bool_]
    known: Rows
    mean: Values
    scale: Values
    usual: Floats

    def of_tracks(self, rows: Rows) -> Values:
        """Confidence in tracks of the catalogue, (row,) 0 to 1."""
        new = rows[np.isnan(self._of_track[rows])]
        if len(new):
            self._of_track[new] = self.of_content(self.content.values[new])
        return self._of_track[rows]

    @cached_property
    def _of_track(self) -> Values:
        """What was measured before, (n,); NaN for tracks that nobody asked for."""
        heard = np.where(self.content.known, np.nan, 0.0)
        return np.where(self.certain, 1.0, heard)

    @cached_property
    def _standard(self) -> Floats:
        """Standardised content of the known tracks, (train, f)."""
        return ((self.content.values[self.known] - self.mean) * self.scale).astype(np.float32)

    @cached_property
    def _squares(self) -> Floats:
        return squared_lengths(self._standard)

    def of_content(self, values: Floats) -> Values:
        """Confidence in tracks from outside the catalogue by their content (row, f), (row,) 0 to 1."""
        standard = ((values - self.mean) * self.scale).astype(np.float32)
        distances = distance_to_kth(standard, self._standard, squares=self._squares)
        share: Values = 1 - np.searchsorted(self.usual, distances, side="left") / len(self.usual)
        return share


def confidence_model(catalogue: Catalogue) -> ConfidenceModel | None:
    """What confidence is measured with; None with no more than K train tracks that were heard, which say nothing."""
    certain = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    known = np.flatnonzero(certain & catalogue.content.known).astype(np.int32)
    if len(known) <= K:
        return None
    content = catalogue.content.values[known]
    mean, deviation = content.mean(axis=0, dtype=np.float64), content.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-8 * np.maximum(1.0, np.abs(mean))
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
    x = ((content - mean) * scale).astype(np.float32)
    measured = np.arange(len(x))
    if len(x) > MAX_MEASURED:
        measured = np.random.default_rng(0).choice(len(x), MAX_MEASURED, replace=False)
    usual = np.sort(distance_to_kth(x[measured], x, itself=measured))
    return ConfidenceModel(catalogue.content, certain, known, mean, scale, usual)


def squared_lengths(x: Floats) -> Floats:
    """Squared length of each row."""
    squares: Floats = (x**2).sum(axis=1)
    return squares


def distance_to_kth(
    x: Floats, known: Floats, *, itself: NDArray[np.integer] | None = None, squares: Floats | None = None
) -> Floats:
    """Distance of each row of `x` (row, f) to its K-th nearest of `known` (train, f), (row,).

    `itself` (row,) names the row of `known` that each row is and that does not count; `squares` are the squared
    lengths of `known`, for those who ask often.
    """
    squares = squared_lengths(known) if squares is None else squares
    found = np.empty(len(x), np.float32)
    for place in blocks(len(x), len(known)):
        here = x[place]
        apart = squared_lengths(here)[:, None] + squares - 2 * here @ known.T  # (row, train)
        if itself is not None:
            apart[np.arange(len(here)), itself[place]] = np.inf
        found[place] = np.sqrt(np.maximum(np.partition(apart, K - 1, axis=1)[:, K - 1], 0))
    return found
