"""Warm and cold scores on one scale, for lists that hold both.

A warm track's score comes from its own plays, a cold track's from a prediction, and a prediction is timid: regression
shrinks it towards the mean, so that among warm tracks few cold ones are ever shown. Both scores are therefore read as
what they should mean, a chance to be played, by a logistic regression each (Platt, 1999):

    log odds = a_w + b_w s     on warm tracks, whose factors are fitted again without the plays that are to be found
    log odds = a_c + b_c s     on validation tracks, whose factors are predicted

and a cold score s becomes the score of a warm track with the same chance, (a_c + b_c s - a_w) / b_w. That is affine and
rises with s, so that cold tracks keep their order among themselves. Test tracks are not looked at.

One in five plays of a playlist is hidden among the warm tracks. Of validation tracks all plays are unknown, so each
counts a fifth: as if cold tracks were played as much as warm ones, and as much of it were still to be found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit

from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.holdout import HIDDEN_ONE_IN, hide, refitted
from unheard.recommend.recommenders import (
    BesideWarm,
    FactorRecommender,
    RanksNewTracks,
    Recommender,
    Rows,
    Scale,
    Scores,
    space_of,
)
from unheard.recommend.scales import beside_warm
from unheard.splits import Use

Values = NDArray[np.float64]

MAX_PLAYLISTS = 2000
STEPS = 50
WEAK = 1e-6  # penalty that keeps the curve finite where a score tells everything


@dataclass(frozen=True)
class Calibrated:
    """Scores warm tracks by their own factors, and cold ones by a recommender, on the scale of the warm."""

    inner: Recommender
    beside: BesideWarm

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def space(self) -> FactorRecommender | None:
        return space_of(self.inner)

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self.beside.scores(self.inner, playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.inner.similarities(queries, candidates)

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """As the recommender inside says."""
        if not isinstance(self.inner, RanksNewTracks):
            raise UserError(f"{self.name} cannot place a track from outside the library; name a trained model")
        return self.inner.vector_similarities(vectors, candidates)


@dataclass(frozen=True)
class Pairs:
    """Scores of (playlist, track), whether a pair is to be found, and what it counts; every array is (pair,)."""

    scores: Values
    found: NDArray[np.bool_]
    weight: Values


@dataclass(frozen=True)
class CalibrationPairs:
    """Plays to find among warm and cold tracks, with scores that have seen none of them.

    playlists   rows of those who search
    warm, cold  rows of the train and of the validation tracks
    of_warm     (playlist, warm) scores by factors fitted without the hidden plays; -inf for what a playlist knows
    of_cold     (playlist, cold) scores of predictions
    hidden      (playlist, warm) bool
    unknown     (playlist, cold) bool
    """

    playlists: Rows
    warm: Rows
    cold: Rows
    of_warm: Scores
    of_cold: Scores
    hidden: NDArray[np.bool_]
    unknown: NDArray[np.bool_]

    def pairs(self, *, cold: NDArray[np.bool_]) -> tuple[Pairs, Pairs]:
        """Pairs of warm tracks, and of the chosen `cold` (cold,) ones."""
        allowed = np.isfinite(self.of_warm)
        warm = Pairs(self.of_warm[allowed].astype(np.float64), self.hidden[allowed], np.ones(int(allowed.sum())))
        found = self.unknown[:, cold].ravel()
        return warm, Pairs(
            self.of_cold[:, cold].ravel().astype(np.float64), found, np.where(found, 1 / HIDDEN_ONE_IN, 1.0)
        )

    def scale(self, *, cold: NDArray[np.bool_] | None = None) -> Scale | None:
        """The calibration by all cold tracks, or by the chosen ones (cold,)."""
        everyone = np.ones(len(self.cold), np.bool_)
        return scale_of(*self.pairs(cold=everyone if cold is None else cold))


def calibration_pairs(
    catalogue: Catalogue,
    recommender: Recommender,
    als: AlsConfig,
    *,
    rng: np.random.Generator,
    max_tracks: int | None = None,
    progress: Progress = silent,
) -> CalibrationPairs:
    """Hide plays, fit the warm factors again, and score. UserError where nothing is hidden or nothing validates.

    recommender  scores validation tracks by predictions
    als          how the warm factors were made
    max_tracks   at most so many warm and so many cold tracks, drawn; None: all
    """
    known, hidden = hide(catalogue, rng=rng)
    cold = np.flatnonzero((catalogue.use == Use.VAL) & catalogue.warm.known).astype(np.int32)
    seekers = np.flatnonzero((np.diff(hidden.indptr) > 0) & np.any(catalogue.warm.playlists, axis=1)).astype(np.int32)
    if not len(seekers) or not len(cold):
        raise UserError(
            f"split {catalogue.split.name!r}: expected playlists with {HIDDEN_ONE_IN} train plays and validation "
            "tracks with plays; import more playlists"
        )
    if len(seekers) > MAX_PLAYLISTS:
        seekers = np.sort(rng.choice(seekers, MAX_PLAYLISTS, replace=False))
    again = refitted(catalogue, known, hidden, als, progress)
    warm, validating = (_some(rows, max_tracks, rng) for rows in (again.candidates("warm", new=False), cold))
    refit = FactorRecommender("refit", again.warm.tracks, again.warm.playlists, again.warm.centre)
    of_warm = refit.scores(seekers, warm)
    of_warm[_pairs(known, seekers, warm)] = -np.inf
    return CalibrationPairs(
        seekers,
        warm,
        validating,
        of_warm,
        recommender.scores(seekers, validating),
        _pairs(hidden, seekers, warm),
        _pairs(catalogue.validation_plays, seekers, validating),
    )


def calibrated(catalogue: Catalogue, recommender: Recommender, scale: Scale) -> Calibrated:
    """A recommender with a calibration of every track that no train play has placed."""
    return Calibrated(recommender, beside_warm(catalogue, scale))


def scale_of(warm: Pairs, cold: Pairs) -> Scale | None:
    """The affine map in the module's formula; None where a score says nothing, or says the opposite."""
    if not warm.found.any() or not cold.found.any():
        return None
    (a_w, b_w), (a_c, b_c) = logistic(warm), logistic(cold)
    return Scale(b_c / b_w, (a_c - a_w) / b_w) if min(b_w, b_c) > 0 else None


def logistic(pairs: Pairs) -> tuple[float, float]:
    """(a, b) of log odds = a + b s with the largest weighted likelihood, by Newton's method."""
    middle, spread = float(pairs.scores.mean()), float(pairs.scores.std()) or 1.0
    x = np.stack([np.ones(len(pairs.scores)), (pairs.scores - middle) / spread])  # (2, pair)
    rate = float(np.average(pairs.found, weights=pairs.weight))
    theta = np.array([np.log(rate / (1 - rate)) if 0 < rate < 1 else 0.0, 0.0])
    total = float(pairs.weight.sum())
    for _ in range(STEPS):
        p = expit(theta @ x)
        gradient = x @ (pairs.weight * (pairs.found - p)) - WEAK * total * theta
        curvature = (x * (pairs.weight * p * (1 - p))) @ x.T + WEAK * total * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        theta += step
        if np.abs(step).max() < 1e-9:
            break
    return float(theta[0] - theta[1] * middle / spread), float(theta[1] / spread)


def _some(rows: Rows, most: int | None, rng: np.random.Generator) -> Rows:
    """At most so many rows, ascending."""
    return rows if most is None or len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _pairs(plays: csr_matrix, playlists: Rows, tracks: Rows) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = plays[playlists][:, tracks].toarray() > 0
    return there
