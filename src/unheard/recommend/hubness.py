"""Correct rankings for hubs, tracks that are near to most queries.

In many dimensions some tracks are close to every query because they are close to the mean (Radovanović, Nanopoulos &
Ivanović, 2010). Similarities are centred already (recommenders.py), which removes most of the effect. The rest can be
corrected by the scores of a track over a reference sample of queries. With s the score of a query x and a track y;
mean, deviation and rms over the reference; r the mean of the K best:

    centring            s - mean_y
    csls                2 s - r_x - r_y                            Conneau et al. (2018), cross-domain local scaling
    mutual-proximity    log F_x(s) + log F_y(s), F Gaussian        Schnitzer, Flexer, Schedl & Widmer (2012)
    popularity          s / rms_y ^ exponent                       exponent 0: unchanged; 1: normalised by the size of
                                                                   the track's scores; below 0: favours large scores

The reference of a track is a sample of the playlists with train plays (for `similarities`, of the train tracks), that
of a query a sample of the train tracks. Samples are drawn once and do not depend on the candidates, so neither does the
score of a pair. A track is not part of its own reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Rows
from unheard.errors import UserError
from unheard.ranking import blocks
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender, RanksNewTracks, Recommender, Scores, space_of

Correction = Literal["centring", "csls", "mutual-proximity", "popularity"]

K = 10
MAX_REFERENCE = 2000


@dataclass(frozen=True)
class Profile:
    """Statistics of the scores of tracks or queries with their reference; every array is (row,)."""

    mean: Doubles
    deviation: Doubles
    rms: Doubles
    best: Doubles  # mean of the K best

    @staticmethod
    def of(scores: NDArray[np.floating]) -> Profile:
        """Compute statistics from scores (row, reference); NaN where a pair does not count."""
        s = scores.astype(np.float64)
        finite = np.isfinite(s)
        n = np.maximum(finite.sum(axis=1), 1)
        filled = np.where(finite, s, 0.0)
        mean, square = filled.sum(axis=1) / n, (filled**2).sum(axis=1) / n
        centred = np.where(finite, s - mean[:, None], 0.0)
        k = min(K, s.shape[1])
        best = -np.sort(np.partition(np.where(finite, -s, np.inf), k - 1, axis=1)[:, :k], axis=1) if k else s
        counted = np.isfinite(best)
        total = np.where(counted, best, 0.0).sum(axis=1)
        return Profile(
            mean, np.sqrt((centred**2).sum(axis=1) / n), np.sqrt(square), total / np.maximum(counted.sum(axis=1), 1)
        )

    def take(self, rows: Rows) -> Profile:
        return Profile(self.mean[rows], self.deviation[rows], self.rms[rows], self.best[rows])


@dataclass(frozen=True)
class HubCorrected:
    """A recommender with corrected scores and similarities.

    playlists, tracks   rows of the reference, ascending
    n_tracks            number of tracks of the catalogue
    exponent            of the correction `popularity`
    """

    inner: Recommender
    correction: Correction
    playlists: Rows
    tracks: Rows
    n_tracks: int
    exponent: float = 1.0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def space(self) -> FactorRecommender | None:
        return space_of(self.inner)

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        of_queries = Profile.of(self.inner.scores(playlists, self.tracks))
        return self._corrected(
            self.inner.scores(playlists, candidates), of_queries, self._to_playlists.take(candidates)
        )

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        found = self.inner.similarities(queries, candidates)
        return self._corrected(found, self._to_tracks.take(queries), self._to_tracks.take(candidates))

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Return corrected similarities of factors from outside the catalogue (query, d)."""
        if not isinstance(self.inner, RanksNewTracks):
            raise UserError(f"{self.name} cannot rank a track from outside the library; name a trained model")
        of_queries = Profile.of(self.inner.vector_similarities(vectors, self.tracks))
        found = self.inner.vector_similarities(vectors, candidates)
        return self._corrected(found, of_queries, self._to_tracks.take(candidates))

    def _corrected(self, scores: Scores, x: Profile, y: Profile) -> Scores:
        return corrected(scores, x, y, self.correction, exponent=self.exponent)

    @cached_property
    def _to_playlists(self) -> Profile:
        return self._profile(lambda rows: self.inner.scores(self.playlists, rows).T)

    @cached_property
    def _to_tracks(self) -> Profile:
        def near(rows: Rows) -> NDArray[np.floating]:
            found = self.inner.similarities(rows, self.tracks)
            found[np.asarray(rows)[:, None] == self.tracks[None, :]] = np.nan
            return found

        return self._profile(near)

    def _profile(self, scores: Callable[[Rows], NDArray[np.floating]]) -> Profile:
        """Return the profile of every track of the catalogue, computed in blocks."""
        everything = np.arange(self.n_tracks, dtype=np.int32)
        reference = max(len(self.playlists), len(self.tracks))
        parts = [Profile.of(scores(everything[here])) for here in blocks(self.n_tracks, reference)]
        return Profile(
            *(np.concatenate(arrays) for arrays in zip(*(vars(part).values() for part in parts), strict=True))
        )


def hub_corrected(
    catalogue: Catalogue,
    recommender: Recommender,
    correction: Correction,
    *,
    exponent: float = 1.0,
    rng: np.random.Generator | None = None,
) -> HubCorrected:
    """Return a recommender with a correction; `rng` draws the reference (None: with seed 0)."""
    rng = rng or np.random.default_rng(0)
    playlists = np.flatnonzero(np.diff(catalogue.train_plays.indptr)).astype(np.int32)
    tracks = catalogue.candidates("warm", new=False)
    return HubCorrected(
        recommender, correction, _sample(playlists, rng), _sample(tracks, rng), len(catalogue), exponent
    )


def corrected(scores: Scores, x: Profile, y: Profile, correction: Correction, *, exponent: float = 1.0) -> Scores:
    """Return scores (query, candidate) corrected by the profiles of queries `x` and of candidates `y`."""
    s = scores.astype(np.float64)
    match correction:
        case "centring":
            found = s - y.mean
        case "csls":
            found = 2 * s - x.best[:, None] - y.best
        case "mutual-proximity":
            from scipy.special import log_ndtr  # slow to import

            found = log_ndtr(_standardised(s, x.mean[:, None], x.deviation[:, None])) + log_ndtr(
                _standardised(s, y.mean, y.deviation)
            )
        case "popularity":
            size = np.where(y.rms > 0, y.rms, 1.0)
            found = s / size**exponent
    return found.astype(np.float32)


def _standardised(s: Doubles, mean: Doubles, deviation: Doubles) -> Doubles:
    """Return (s - mean) / deviation; 0 where the deviation is 0."""
    z: Doubles = np.divide(s - mean, deviation, out=np.zeros_like(s), where=np.broadcast_to(deviation > 0, s.shape))
    return z


def _sample(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= MAX_REFERENCE else np.sort(rng.choice(rows, MAX_REFERENCE, replace=False))
