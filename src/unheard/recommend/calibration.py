"""Calibrate the scores of cold tracks to those of warm tracks, for lists that hold both.

The score of a warm track comes from its own plays, that of a cold track from a prediction. Regression shrinks
predictions towards the mean, so that uncalibrated lists hold few cold tracks. Two logistic regressions turn both scores
into the probability of a play (Platt, 1999):

    log odds = a_w + b_w s     on warm tracks, whose factors are fitted without the hidden plays
    log odds = a_c + b_c s     on validation tracks, whose factors are predicted

A cold score s becomes the score of a warm track with the same probability, (a_c + b_c s - a_w) / b_w. This is affine
and increases with s, so that it keeps the order of the cold tracks. Test tracks are not used.

One in five plays of warm tracks is hidden in each playlist. All plays of validation tracks are hidden, so each has the
weight 1/5: cold tracks then have as many hidden plays as warm tracks with the same number of plays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles, Floats, Rows
from unheard.errors import UserError
from unheard.progress import Progress, silent
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.holdout import HIDDEN_ONE_IN, hide, refitted
from unheard.recommend.recommenders import (
    FactorRecommender,
    RanksNewTracks,
    Recommender,
    Scale,
    Scores,
    WarmColdScorer,
    space_of,
)
from unheard.recommend.scales import warm_cold_scorer
from unheard.splits import Use

MAX_PLAYLISTS = 2000
MAX_NEWTON_STEPS = 50
ROUNDING = 1e-10  # relative error of a loss
PENALTY = 1e-6  # keeps the coefficients finite if a score separates the classes


@dataclass(frozen=True)
class CalibratedRecommender:
    """Scores warm tracks by their own factors and cold tracks by a recommender, calibrated to the warm scores."""

    inner: Recommender
    warm_cold: WarmColdScorer

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def space(self) -> FactorRecommender | None:
        return space_of(self.inner)

    def scores(self, playlists: Rows, candidates: Rows) -> Scores:
        return self.warm_cold.scores(self.inner, playlists, candidates)

    def similarities(self, queries: Rows, candidates: Rows) -> Scores:
        return self.inner.similarities(queries, candidates)

    def vector_similarities(self, vectors: NDArray[np.float32], candidates: Rows) -> Scores:
        """Return the similarities of the recommender inside; raise UserError if it cannot rank new tracks."""
        if not isinstance(self.inner, RanksNewTracks):
            raise UserError(f"{self.name} cannot rank a track from outside the library; name a trained model")
        return self.inner.vector_similarities(vectors, candidates)


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of a playlist and a track: their scores, whether they are hidden plays, and weights, all (pair,)."""

    scores: Doubles
    relevant: NDArray[np.bool_]
    weight: Doubles


@dataclass(frozen=True)
class CalibrationPairs:
    """Hidden plays of warm and cold tracks, with scores that do not depend on them.

    playlists    rows of the playlists with hidden plays
    warm, cold   rows of train tracks and of validation tracks
    warm_scores  (playlist, warm) by factors fitted without the hidden plays; -inf for plays that are not hidden
    cold_scores  (playlist, cold) by predicted factors
    hidden_warm  (playlist, warm) bool, hidden plays
    hidden_cold  (playlist, cold) bool, hidden plays
    """

    playlists: Rows
    warm: Rows
    cold: Rows
    warm_scores: Scores
    cold_scores: Scores
    hidden_warm: NDArray[np.bool_]
    hidden_cold: NDArray[np.bool_]

    def pairs(self, *, cold: NDArray[np.bool_]) -> tuple[ScoredPairs, ScoredPairs]:
        """Return the pairs of warm tracks, and those of the chosen cold tracks, `cold` (cold,)."""
        allowed = np.isfinite(self.warm_scores)
        n_allowed = int(allowed.sum())
        warm = ScoredPairs(self.warm_scores[allowed].astype(np.float64), self.hidden_warm[allowed], np.ones(n_allowed))
        relevant = self.hidden_cold[:, cold].ravel()
        return warm, ScoredPairs(
            self.cold_scores[:, cold].ravel().astype(np.float64),
            relevant,
            np.where(relevant, 1 / HIDDEN_ONE_IN, 1.0),
        )

    def scale(self, *, cold: NDArray[np.bool_] | None = None) -> Scale | None:
        """Return the calibration by all cold tracks, or by the chosen ones (cold,)."""
        every = np.ones(len(self.cold), np.bool_)
        return fit_scale(*self.pairs(cold=every if cold is None else cold))


def fitted_factors(catalogue: Catalogue) -> Floats:
    """Return the warm factors (n, d) of a catalogue."""
    return catalogue.warm.tracks


def calibration_pairs(
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    rng: np.random.Generator,
    max_tracks: int | None = None,
    warm_factors: Callable[[Catalogue], Floats] = fitted_factors,
    progress: Progress = silent,
) -> CalibrationPairs:
    """Hide plays, fit the warm factors without them, and score warm and cold tracks.

    recommender   scores validation tracks by predictions
    max_tracks    draw at most this many warm and this many cold tracks; None: all
    warm_factors  returns the factors (n, d) that rank warm tracks, of the catalogue without the hidden plays

    Raise UserError if no play can be hidden, or if no validation track has plays.
    """
    known, hidden = hide(catalogue, rng=rng)
    cold: Rows = np.flatnonzero((catalogue.use == Use.VAL) & catalogue.warm.known).astype(np.int32)
    usable = (np.diff(hidden.indptr) > 0) & np.any(catalogue.warm.playlists, axis=1)
    playlists: Rows = np.flatnonzero(usable).astype(np.int32)
    if not len(playlists) or not len(cold):
        raise UserError(
            f"split {catalogue.split.name!r}: expected playlists with {HIDDEN_ONE_IN} train plays and validation "
            "tracks with plays; import more playlists"
        )
    if len(playlists) > MAX_PLAYLISTS:
        playlists = np.sort(rng.choice(playlists, MAX_PLAYLISTS, replace=False))
    refit = refitted(catalogue, known, hidden, progress)
    warm, cold_sample = (_sample(rows, max_tracks, rng) for rows in (refit.candidates("warm", new=False), cold))
    warm_recommender = FactorRecommender("refitted", warm_factors(refit), refit.warm.playlists, refit.warm.centre)
    warm_scores = warm_recommender.scores(playlists, warm)
    warm_scores[_held(known, playlists, warm)] = -np.inf
    return CalibrationPairs(
        playlists,
        warm,
        cold_sample,
        warm_scores,
        recommender.scores(playlists, cold_sample),
        _held(hidden, playlists, warm),
        _held(catalogue.validation_plays, playlists, cold_sample),
    )


def calibrated(catalogue: Catalogue, recommender: Recommender, scale: Scale) -> CalibratedRecommender:
    """Return a recommender that ranks warm tracks by their factors, and maps the scores of all others by `scale`."""
    return CalibratedRecommender(recommender, warm_cold_scorer(catalogue, scale))


def fit_scale(warm: ScoredPairs, cold: ScoredPairs) -> Scale | None:
    """Return the affine map of the module's formula; None if a score does not increase with the probability."""
    if not warm.relevant.any() or not cold.relevant.any():
        return None
    (a_w, b_w), (a_c, b_c) = fit_logistic(warm), fit_logistic(cold)
    return Scale(b_c / b_w, (a_c - a_w) / b_w) if min(b_w, b_c) > 0 else None


def fit_logistic(pairs: ScoredPairs) -> tuple[float, float]:
    """Return (a, b) of log odds = a + b s with the largest weighted likelihood, by Newton's method.

    A step that would decrease the likelihood is halved: scores with a long tail would otherwise let it diverge.
    """
    from scipy.special import expit  # slow to import; servers read calibrations, they do not fit them

    mean, deviation = float(pairs.scores.mean()), float(pairs.scores.std()) or 1.0
    x = np.stack([np.ones(len(pairs.scores)), (pairs.scores - mean) / deviation])  # (2, pair)
    rate = float(np.average(pairs.relevant, weights=pairs.weight))
    theta = np.array([np.log(rate / (1 - rate)) if 0 < rate < 1 else 0.0, 0.0])
    total = float(pairs.weight.sum())

    def loss(theta: Doubles) -> float:
        odds = theta @ x
        losses = np.logaddexp(0, odds) - pairs.relevant * odds
        return float(pairs.weight @ losses + PENALTY * total * theta @ theta / 2)

    lowest = loss(theta)
    for _ in range(MAX_NEWTON_STEPS):
        p = expit(theta @ x)
        gradient = x @ (pairs.weight * (pairs.relevant - p)) - PENALTY * total * theta
        hessian = (x * (pairs.weight * p * (1 - p))) @ x.T + PENALTY * total * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while (now := loss(theta + step)) > lowest + ROUNDING * abs(lowest):
            step /= 2
        theta, lowest = theta + step, now
        if np.abs(step).max() < 1e-9:
            break
    return float(theta[0] - theta[1] * mean / deviation), float(theta[1] / deviation)


def _sample(rows: Rows, n: int | None, rng: np.random.Generator) -> Rows:
    """Return up to `n` of the rows, ascending; all if `n` is None."""
    return rows if n is None or len(rows) <= n else np.sort(rng.choice(rows, n, replace=False))


def _held(plays: csr_matrix, playlists: Rows, tracks: Rows) -> NDArray[np.bool_]:
    """Return whether each playlist holds each track, (playlist, track)."""
    held: NDArray[np.bool_] = plays[playlists][:, tracks].toarray() > 0
    return held
