"""Measure the confidence of a prediction: how close a track's features are to those of known training tracks.

A model predicts factors for any audio. For audio unlike its training data, such as noise or hum, they are close to the
mean, so the predicted factors do not show that the prediction is a guess; the features do. The measure is that of
nearest-neighbour outlier detection (Ramaswamy, Rastogi & Shim, 2000): the Euclidean distance of a track's standardised
content (mel and MFCC statistics, or the user's vectors) to its K-th nearest train track. The K-th nearest is used
because the nearest one can be close by chance. The distances of the train tracks to their own neighbours turn it into
a share:

    confidence = share of the train tracks that are at least as far from their own K-th nearest train track

so a typical train track has 0.5, and confidence below LOW_CONFIDENCE is marked as low. The confidence of a track with
train plays, which needs no prediction, is 1, and that of a track without features is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats, Rows
from unheard.ranking import blocks
from unheard.recommend.catalogue import Catalogue, Content
from unheard.splits import Use

K = 5
MAX_SAMPLE = 1000  # train tracks whose distances are computed; the share is exact to about 1 %
MAX_TRAIN = 50_000  # train tracks to which others are compared: a distance to all of a million takes too long
MIN_GROUP = 4  # members of a group of distances, times k
LOW_CONFIDENCE = 0.05  # confidence below this is marked


@dataclass(frozen=True)
class ConfidenceModel:
    """The train tracks to which other tracks are compared.

    content          of the tracks of the catalogue
    warm             (n,) tracks with train plays
    train            rows of the train tracks with plays and content, ascending
    mean, scale      (f,) standardise their content
    train_distances  distances of train tracks to their own K-th nearest, ascending
    """

    content: Content
    warm: NDArray[np.bool_]
    train: Rows
    mean: Doubles
    scale: Doubles
    train_distances: Floats

    def of_tracks(self, rows: Rows) -> Doubles:
        """Return the confidence in tracks of the catalogue, (row,), 0 to 1; each is computed once."""
        missing = rows[np.isnan(self._cache[rows])]
        if len(missing):
            if not self._cache.flags.writeable:  # mapped from a file
                vars(self)["_cache"] = self._cache.copy()
            self._cache[missing] = self.of_content(self.content.values[missing])
        return self._cache[rows]

    @cached_property
    def _cache(self) -> Doubles:
        """Confidence of every track, (n,); NaN where it is not computed yet."""
        return np.where(self.warm, 1.0, np.where(self.content.known, np.nan, 0.0))

    @cached_property
    def _standardised(self) -> Floats:
        """Standardised content of the train tracks, (train, f)."""
        return ((self.content.values[self.train] - self.mean) * self.scale).astype(np.float32)

    @cached_property
    def _squares(self) -> Floats:
        return squared_lengths(self._standardised)

    def of_content(self, values: Floats) -> Doubles:
        """Return the confidence in tracks with the content `values` (row, f), (row,), 0 to 1."""
        standardised = ((values - self.mean) * self.scale).astype(np.float32)
        distances = distance_to_kth(standardised, self._standardised, squares=self._squares)
        share: Doubles = 1 - np.searchsorted(self.train_distances, distances, side="left") / len(self.train_distances)
        return share


def confidence_model(catalogue: Catalogue) -> ConfidenceModel | None:
    """Return the confidence model of a catalogue; None if at most K train tracks have content."""
    warm = (catalogue.use == Use.TRAIN) & catalogue.warm.known
    train = np.flatnonzero(warm & catalogue.content.known).astype(np.int32)
    if len(train) > MAX_TRAIN:
        train = np.sort(np.random.default_rng(0).choice(train, MAX_TRAIN, replace=False))
    if len(train) <= K:
        return None
    content = catalogue.content.values[train]
    mean, deviation = content.mean(axis=0, dtype=np.float64), content.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-8 * np.maximum(1.0, np.abs(mean))
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
    x = ((content - mean) * scale).astype(np.float32)
    sample = np.arange(len(x))
    if len(x) > MAX_SAMPLE:
        sample = np.random.default_rng(0).choice(len(x), MAX_SAMPLE, replace=False)
    train_distances = np.sort(distance_to_kth(x[sample], x, own_rows=sample))
    return ConfidenceModel(catalogue.content, warm, train, mean, scale, train_distances)


def squared_lengths(x: Floats) -> Floats:
    """Return the squared length of each row."""
    squares: Floats = (x**2).sum(axis=1)
    return squares


def distance_to_kth(
    x: Floats, train: Floats, *, own_rows: NDArray[np.integer] | None = None, squares: Floats | None = None
) -> Floats:
    """Return the distance of each row of `x` (row, f) to its K-th nearest row of `train` (train, f), (row,).

    own_rows  (row,) the row of `train` that is the same track and is left out
    squares   (train,) squared lengths of `train`, if they are computed already
    """
    squares = squared_lengths(train) if squares is None else squares
    found = np.empty(len(x), np.float32)
    for rows in blocks(len(x), len(train)):
        block = x[rows]
        squared = squared_lengths(block)[:, None] + squares - 2 * block @ train.T  # (row, train)
        if own_rows is not None:
            squared[np.arange(len(block)), own_rows[rows]] = np.inf
        found[rows] = np.sqrt(np.maximum(kth_smallest(squared, K), 0))
    return found


def kth_smallest(values: Floats, k: int) -> Floats:
    """Return the k-th smallest value of each row of `values` (row, n), as a partition of whole rows would in more time.

    The k smallest are in the k groups with the smallest minima, and minima of groups are taken in one pass.
    """
    n_rows, n = values.shape
    size = math.isqrt(n)
    if size <= MIN_GROUP * k:
        return np.partition(values, k - 1, axis=1)[:, k - 1]
    grouped = values[:, : n // size * size].reshape(n_rows, size, n // size)  # (row, member, group)
    best = np.argpartition(grouped.min(axis=1), k - 1, axis=1)[:, :k]
    members = np.take_along_axis(grouped, best[:, None, :], axis=2).reshape(n_rows, -1)
    rest = np.concatenate([members, values[:, n // size * size :]], axis=1)
    found: Floats = np.partition(rest, k - 1, axis=1)[:, k - 1]
    return found
