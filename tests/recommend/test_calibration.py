"""Warm and cold scores on one scale: the logistic fit, the map, the laws, and a validation catalogue without leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from unheard.errors import UserError
from unheard.factors.als import AlsConfig
from unheard.recommend.calibration import CalibrationPairs, Pairs, calibrated, calibration_pairs, logistic, scale_of
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.models import make_recommender
from unheard.recommend.options import ListOptions
from unheard.recommend.recommend import recommend, similar
from unheard.recommend.recommenders import FactorRecommender, Scale
from unheard.splits import Use
from unheard.workspace import Workspace

ALS = AlsConfig(dim=6, iterations=4)


def drawn(rng: np.random.Generator, *, a: float, b: float, n: int = 4000, shift: float = 0.0) -> Pairs:
    s = rng.normal(0.1, 0.3, n)
    found = rng.random(n) < 1 / (1 + np.exp(-(a + b * (s + shift))))
    return Pairs(s, found, rng.uniform(0.2, 1, n))


def test_the_fit_is_that_of_scikit_learn() -> None:
    pairs = drawn(np.random.default_rng(0), a=-2, b=3)
    truth = LogisticRegression(C=1e8, tol=1e-10).fit(pairs.scores[:, None], pairs.found, sample_weight=pairs.weight)
    assert logistic(pairs) == pytest.approx((truth.intercept_[0], truth.coef_[0, 0]), rel=1e-3)


@pytest.mark.parametrize("found", [np.zeros(50, np.bool_), np.ones(50, np.bool_), np.arange(50) >= 25])
def test_hopeless_and_perfect_scores_stay_finite(found: np.ndarray) -> None:
    pairs = Pairs(np.linspace(0, 1, 50), found, np.ones(50))
    assert np.isfinite(logistic(pairs)).all()
    assert np.isfinite(list(vars(scale_of(pairs, pairs) or Scale()).values())).all()
    flat = Pairs(np.ones(50), np.arange(50) % 2 == 0, np.ones(50))
    assert np.isfinite(logistic(flat)).all()


def test_a_timid_score_is_stretched_back() -> None:
    """Cold scores are a third of what they should be, plus a tenth: the map undoes it."""
    rng = np.random.default_rng(1)
    warm, honest = drawn(rng, a=-2, b=4, n=40_000), drawn(rng, a=-2, b=4, n=40_000)
    timid = replace(honest, scores=honest.scores / 3 + 0.1)
    scale = scale_of(warm, timid)
    assert scale is not None
    assert scale.slope == pytest.approx(3, rel=0.1)
    assert scale.slope * 0.1 + scale.offset == pytest.approx(0, abs=0.05)


@given(st.integers(0, 2**32 - 1))
def test_equal_evidence_changes_nothing(seed: int) -> None:
    pairs = drawn(np.random.default_rng(seed), a=-1, b=2, n=500)
    scale = scale_of(pairs, pairs)
    assert scale is not None
    assert scale.slope == pytest.approx(1)
    assert scale.offset == pytest.approx(0, abs=1e-6)


def test_scores_that_say_nothing_or_the_opposite_are_left_alone() -> None:
    rng = np.random.default_rng(2)
    good, bad = drawn(rng, a=-1, b=3), drawn(rng, a=-1, b=-3)
    nothing = replace(good, found=np.zeros(len(good.found), np.bool_))
    assert scale_of(good, bad) == scale_of(bad, good) == scale_of(good, nothing) == scale_of(nothing, good) is None


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
    with pytest.raises(UserError, match="cannot place a track from outside"):
        calibrated(catalogue, make_recommender(workspace, catalogue, "random"), Scale()).vector_similarities(
            ridge.tracks[:1], everything
        )


@pytest.fixture(scope="module")
def validation_catalogue(workspace: Workspace, catalogue: Catalogue) -> CalibrationPairs:
    return calibration_pairs(
        catalogue, make_recommender(workspace, catalogue, "ridge"), ALS, rng=np.random.default_rng(0)
    )


def test_what_is_to_be_found_was_seen_by_nobody(catalogue: Catalogue, validation_catalogue: CalibrationPairs) -> None:
    trained = catalogue.train_plays[validation_catalogue.playlists][:, validation_catalogue.warm].toarray() > 0
    known = ~np.isfinite(validation_catalogue.of_warm)
    np.testing.assert_array_equal(known | validation_catalogue.hidden, trained)
    assert not (known & validation_catalogue.hidden).any()
    assert (
        validation_catalogue.hidden.sum(axis=1)
        <= np.diff(catalogue.train_plays.indptr)[validation_catalogue.playlists] // 5
    ).all()
    assert (catalogue.use[validation_catalogue.cold] == Use.VAL).all()
    tuning = catalogue.validation_plays[validation_catalogue.playlists][:, validation_catalogue.cold].toarray() > 0
    np.testing.assert_array_equal(validation_catalogue.unknown, tuning)


def test_test_tracks_change_no_calibration(
    workspace: Workspace, catalogue: Catalogue, validation_catalogue: CalibrationPairs
) -> None:
    seen = catalogue.use != Use.TEST
    warm = replace(catalogue.warm, tracks=catalogue.warm.tracks * seen[:, None], known=catalogue.warm.known & seen)
    blind = replace(catalogue, warm=warm, plays=catalogue.train_plays + catalogue.validation_plays, full=None)
    ridge = make_recommender(workspace, blind, "ridge")
    assert calibration_pairs(blind, ridge, ALS, rng=np.random.default_rng(0)).scale() == validation_catalogue.scale()


def test_the_scale_is_fitted_by_the_chosen_cold_tracks(validation_catalogue: CalibrationPairs) -> None:
    half = np.arange(len(validation_catalogue.cold)) % 2 == 0
    assert validation_catalogue.scale(cold=half) != validation_catalogue.scale(cold=~half)
    spoilt = replace(validation_catalogue, of_cold=np.where(half[None, :], validation_catalogue.of_cold, np.float32(9)))
    assert spoilt.scale(cold=half) == validation_catalogue.scale(cold=half)
    whole = validation_catalogue.scale()
    assert whole is not None
    assert whole.slope > 0


def test_nothing_to_rehearse_is_told(workspace: Workspace, catalogue: Catalogue) -> None:
    no_val = replace(catalogue, use=np.where(catalogue.use == Use.VAL, np.int8(Use.NEW), catalogue.use))
    with pytest.raises(UserError, match="validation tracks with plays"):
        calibration_pairs(no_val, make_recommender(workspace, catalogue, "ridge"), ALS, rng=np.random.default_rng(0))
