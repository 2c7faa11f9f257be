"""Tests of calibration: the logistic fit, the scale, the laws of recommenders, and that hidden plays stay hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.recommend.calibration import (
    CalibrationPairs,
    ScoredPairs,
    calibrated,
    calibration_pairs,
    fit_logistic,
    fit_scale,
)
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import FactorRecommender, Scale
from unheard.splits import Use
from unheard.workspace import Workspace

ALS = AlsConfig(dim=6, iterations=4)


def drawn(rng: np.random.Generator, *, a: float, b: float, n: int = 4000, shift: float = 0.0) -> ScoredPairs:
    s = rng.normal(0.1, 0.3, n)
    found = rng.random(n) < 1 / (1 + np.exp(-(a + b * (s + shift))))
    return ScoredPairs(s, found, rng.uniform(0.2, 1, n))


def test_the_fit_is_that_of_scikit_learn() -> None:
    pairs = drawn(np.random.default_rng(0), a=-2, b=3)
    truth = LogisticRegression(C=1e8, tol=1e-10).fit(pairs.scores[:, None], pairs.relevant, sample_weight=pairs.weight)
    assert fit_logistic(pairs) == pytest.approx((truth.intercept_[0], truth.coef_[0, 0]), rel=1e-3)


def test_scores_with_a_long_tail_do_not_diverge() -> None:
    """Most pairs have a score near 0 and no play, as in lists of many tracks: Newton's first step is far too long."""
    rng = np.random.default_rng(0)
    s = 0.01 * rng.standard_normal(200_000) + rng.exponential(0.02, 200_000) ** 2 * 60
    pairs = ScoredPairs(s, rng.random(len(s)) < 1 / (1 + np.exp(7.8 - 9 * s)), np.ones(len(s)))
    a, b = fit_logistic(pairs)
    assert (a, b) == pytest.approx((-7.8, 9), rel=0.1)


@pytest.mark.parametrize("found", [np.zeros(50, np.bool_), np.ones(50, np.bool_), np.arange(50) >= 25])
def test_uninformative_and_separating_scores_have_finite_fits(found: np.ndarray) -> None:
    pairs = ScoredPairs(np.linspace(0, 1, 50), found, np.ones(50))
    assert np.isfinite(fit_logistic(pairs)).all()
    assert np.isfinite(list(vars(fit_scale(pairs, pairs) or Scale()).values())).all()
    flat = ScoredPairs(np.ones(50), np.arange(50) % 2 == 0, np.ones(50))
    assert np.isfinite(fit_logistic(flat)).all()


def test_a_shrunken_score_is_rescaled() -> None:
    """Cold scores are a third of the unbiased ones, plus 0.1; the scale inverts that."""
    rng = np.random.default_rng(1)
    warm, unbiased = drawn(rng, a=-2, b=4, n=40_000), drawn(rng, a=-2, b=4, n=40_000)
    shrunken = replace(unbiased, scores=unbiased.scores / 3 + 0.1)
    scale = fit_scale(warm, shrunken)
    assert scale is not None
    assert scale.slope == pytest.approx(3, rel=0.1)
    assert scale.slope * 0.1 + scale.offset == pytest.approx(0, abs=0.05)


@given(st.integers(0, 2**32 - 1))
def test_equal_pairs_give_the_identity(seed: int) -> None:
    pairs = drawn(np.random.default_rng(seed), a=-1, b=2, n=500)
    scale = fit_scale(pairs, pairs)
    assert scale is not None
    assert scale.slope == pytest.approx(1)
    assert scale.offset == pytest.approx(0, abs=1e-6)


def test_scores_without_information_or_with_the_wrong_sign_have_no_scale() -> None:
    rng = np.random.default_rng(2)
    good, bad = drawn(rng, a=-1, b=3), drawn(rng, a=-1, b=-3)
    nothing = replace(good, relevant=np.zeros(len(good.relevant), np.bool_))
    assert fit_scale(good, bad) == fit_scale(bad, good) == fit_scale(good, nothing) == fit_scale(nothing, good) is None


def test_only_cold_scores_move_and_keep_their_order(workspace: Workspace, catalogue: Catalogue) -> None:
    ridge = make_recommender(workspace, catalogue, "ridge")
    found = calibrated(catalogue, ridge, Scale(2.5, -0.3))
    everything, playlists = catalogue.candidates("all", new=True), np.arange(20)
    before, after = ridge.scores(playlists, everything), found.scores(playlists, everything)
    warm = np.isin(everything, catalogue.candidates("warm", new=False))
    assert 0 < warm.sum() < len(warm)
    np.testing.assert_array_equal(after[:, warm], before[:, warm])
    np.testing.assert_array_equal(after[:, ~warm], (2.5 * before[:, ~warm].astype(np.float64) - 0.3).astype(np.float32))
    order = np.random.default_rng(0).permutation(len(everything))
    np.testing.assert_array_equal(found.scores(playlists[3:5], everything[order]), after[3:5][:, order])
    np.testing.assert_array_equal(
        found.similarities(everything, everything), ridge.similarities(everything, everything)
    )
    assert isinstance(ridge, FactorRecommender)
    np.testing.assert_array_equal(
        found.vector_similarities(ridge.tracks[:2], everything), ridge.vector_similarities(ridge.tracks[:2], everything)
    )
    assert found.name == "ridge"
    assert recommend(catalogue, found, playlist=3, options=ListOptions(candidates="all", n=5, diversity=0.3))[0].reasons
    three = ListOptions(n=3)
    assert similar(catalogue, found, 3, options=three) == similar(catalogue, ridge, 3, options=three)
    with pytest.raises(UserError, match="cannot rank a track from outside"):
        calibrated(catalogue, make_recommender(workspace, catalogue, "random"), Scale()).vector_similarities(
            ridge.tracks[:1], everything
        )


@pytest.fixture(scope="module")
def hidden_plays(workspace: Workspace, catalogue: Catalogue) -> CalibrationPairs:
    return calibration_pairs(catalogue, make_recommender(workspace, catalogue, "ridge"), rng=np.random.default_rng(0))


def test_hidden_plays_are_not_fitted(catalogue: Catalogue, hidden_plays: CalibrationPairs) -> None:
    train = catalogue.train_plays[hidden_plays.playlists][:, hidden_plays.warm].toarray() > 0
    known = ~np.isfinite(hidden_plays.warm_scores)
    np.testing.assert_array_equal(known | hidden_plays.hidden_warm, train)
    assert not (known & hidden_plays.hidden_warm).any()
    assert (
        hidden_plays.hidden_warm.sum(axis=1) <= np.diff(catalogue.train_plays.indptr)[hidden_plays.playlists] // 5
    ).all()
    assert (catalogue.use[hidden_plays.cold] == Use.VAL).all()
    hidden = catalogue.validation_plays[hidden_plays.playlists][:, hidden_plays.cold].toarray() > 0
    np.testing.assert_array_equal(hidden_plays.hidden_cold, hidden)


def test_test_tracks_change_no_calibration(
    workspace: Workspace, catalogue: Catalogue, hidden_plays: CalibrationPairs
) -> None:
    seen = catalogue.use != Use.TEST
    warm = replace(catalogue.warm, tracks=catalogue.warm.tracks * seen[:, None], known=catalogue.warm.known & seen)
    blind = replace(catalogue, warm=warm, plays=catalogue.train_plays + catalogue.validation_plays, full=None)
    ridge = make_recommender(workspace, blind, "ridge")
    assert calibration_pairs(blind, ridge, rng=np.random.default_rng(0)).scale() == hidden_plays.scale()


def test_the_scale_is_fitted_by_the_chosen_cold_tracks(hidden_plays: CalibrationPairs) -> None:
    half = np.arange(len(hidden_plays.cold)) % 2 == 0
    assert hidden_plays.scale(cold=half) != hidden_plays.scale(cold=~half)
    spoilt = replace(hidden_plays, cold_scores=np.where(half[None, :], hidden_plays.cold_scores, np.float32(9)))
    assert spoilt.scale(cold=half) == hidden_plays.scale(cold=half)
    whole = hidden_plays.scale()
    assert whole is not None
    assert whole.slope > 0


def test_without_validation_plays_there_is_an_error(workspace: Workspace, catalogue: Catalogue) -> None:
    no_val = replace(catalogue, use=np.where(catalogue.use == Use.VAL, np.int8(Use.NEW), catalogue.use))
    with pytest.raises(UserError, match="validation tracks with plays"):
        calibration_pairs(no_val, make_recommender(workspace, catalogue, "ridge"), rng=np.random.default_rng(0))
