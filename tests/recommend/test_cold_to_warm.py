"""Tests of cold-to-warm factors against the fold-in and the objective, and of the revealed plays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from unheard.factors.als import AlsConfig, fold_in
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.cold_to_warm import (
    KAPPAS,
    Estimates,
    Reveal,
    choose_kappas,
    estimates_of,
    folded,
    shrunken,
    with_plays,
)
from unheard.splits import Use


def toy_plays(seed: int, *, m: int = 30, t: int = 6, d: int = 4) -> tuple[np.ndarray, np.ndarray, csr_matrix]:
    rng = np.random.default_rng(seed)
    x, prior = rng.standard_normal((m, d)).astype(np.float32), rng.standard_normal((t, d)).astype(np.float32)
    shown = csr_matrix((rng.random((m, t)) < np.linspace(0, 0.6, t)).astype(np.float32))
    return x, prior, shown


def test_shrinking_by_hand() -> None:
    mean, prior = np.array([[6.0], [6.0], [9.0]], np.float32), np.array([[0.0], [2.0], [1.0]], np.float32)
    n = np.array([1, 3, 0])
    assert shrunken(mean, n, prior, 2.0).ravel().tolist() == pytest.approx([2, (18 + 4) / 5, 1])
    assert shrunken(mean, n, prior, 0.0).ravel().tolist() == [6, 6, 1]
    assert shrunken(mean, n, prior, np.inf).ravel().tolist() == [0, 2, 1]


@pytest.mark.parametrize("d", [3, 40])
def test_with_a_zero_prior_it_is_the_fold_in(d: int) -> None:
    """With a zero prior the offset is the factor, and playlists without a play count as not played, as in ALS."""
    x, _, shown = toy_plays(1, d=d)
    config = AlsConfig(dim=d, alpha=7.0, regularization=2.0)
    kappa = 2.0 / (np.trace(x.astype(np.float64).T @ x) / d)
    found = with_plays(np.zeros((6, d), np.float32), x, shown, kappa=kappa, alpha=7.0)
    np.testing.assert_allclose(found, fold_in(x, shown.T.tocsr(), config), atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 1.0, 30.0]), st.floats(0, 40))
def test_it_is_the_minimum_of_the_objective(seed: int, kappa: float, alpha: float) -> None:
    x, prior, shown = toy_plays(seed)
    played = shown.toarray() > 0
    strength = kappa * np.trace(x.astype(np.float64).T @ x) / 4
    found = with_plays(prior, x, shown, kappa=kappa, alpha=alpha)
    for track in (1, 5):

        def cost(y: np.ndarray, track: int = track) -> float:
            mine, offset = played[:, track], y - prior[track]
            plays = (1 + alpha) * ((1 - x[mine] @ y) ** 2).sum()
            return float(plays + ((x[~mine] @ offset) ** 2).sum() + strength * (offset**2).sum())

        best = minimize(cost, prior[track].astype(np.float64), method="BFGS").fun
        assert cost(found[track].astype(np.float64)) <= best * (1 + 1e-4) + 1e-4


def test_without_plays_or_with_an_infinite_kappa_it_is_the_prior() -> None:
    x, prior, shown = toy_plays(2)
    np.testing.assert_array_equal(with_plays(prior, x, shown, kappa=np.inf, alpha=9.0), prior)
    nothing = csr_matrix(shown.shape, dtype=np.float32)
    np.testing.assert_array_equal(with_plays(prior, x, nothing, kappa=0.1, alpha=9.0), prior)
    assert not shown[:, 0].nnz
    np.testing.assert_array_equal(with_plays(prior, x, shown, kappa=0.1, alpha=9.0)[0], prior[0])


def test_a_larger_kappa_moves_the_prior_less() -> None:
    x, prior, shown = toy_plays(3)
    moves = [np.abs(with_plays(prior, x, shown, kappa=k, alpha=9.0) - prior).sum() for k in KAPPAS]
    assert moves == sorted(moves, reverse=True)
    assert moves[-1] == 0


@given(st.integers(0, 2**32 - 1))
def test_more_plays_are_revealed_and_targets_stay_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays = csr_matrix((rng.random((25, 8)) < 0.3).astype(np.float32))
    tracks, asked = np.array([1, 4, 6], np.int32), rng.random(25) < 0.8
    reveal = Reveal.of(plays, tracks, playlists=asked, rng=rng)
    everything = plays[:, tracks].toarray() * asked[:, None]
    np.testing.assert_array_equal(reveal.hidden.toarray() + reveal.left_out.toarray(), everything)
    n_played = everything.sum(axis=0)
    np.testing.assert_array_equal(reveal.left_out.toarray().sum(axis=0), n_played // 2)
    before = np.zeros_like(everything)
    for n in (0, 1, 2, 5, 50):
        shown = reveal.shown(n).toarray()
        assert (shown >= before).all()
        assert (shown <= reveal.left_out.toarray()).all()
        np.testing.assert_array_equal(shown.sum(axis=0), np.minimum(n, n_played // 2))
        before = shown


def test_estimates_use_the_artist_but_no_play_of_the_track(catalogue: Catalogue) -> None:
    by_track = replace(catalogue, use=np.where(np.arange(len(catalogue)) % 5 == 0, np.int8(Use.TEST), catalogue.use))
    tests = np.flatnonzero(by_track.use == Use.TEST).astype(np.int32)
    sound = np.random.default_rng(0).standard_normal(catalogue.warm.tracks.shape).astype(np.float32)
    found = estimates_of(by_track, sound, tests)
    artist = by_track.main_artist
    for place, row in enumerate(tests):
        mates = np.flatnonzero((artist == artist[row]) & (by_track.use == Use.TRAIN) & by_track.warm.known)
        assert found.n_artist[place] == len(mates)
        if len(mates):
            np.testing.assert_allclose(found.artist_mean[place], by_track.warm.tracks[mates].mean(axis=0), atol=1e-5)
        else:
            np.testing.assert_array_equal(found.prior(3.0)[place], sound[row])
    assert 0 < (found.n_artist > 0).sum() < len(tests)
    blind = replace(by_track, warm=replace(by_track.warm, tracks=by_track.warm.tracks.copy()))
    blind.warm.tracks[tests] = 0
    np.testing.assert_array_equal(estimates_of(blind, sound, tests).artist_mean, found.artist_mean)


def test_kappas_are_large_for_accurate_predictions_and_small_for_noise(catalogue: Catalogue) -> None:
    """True factors as predictions are kept; with noise as predictions, plays move the estimate far."""
    val = np.flatnonzero((catalogue.use == Use.VAL) & catalogue.warm.known).astype(np.int32)
    asked = np.any(catalogue.warm.playlists, axis=1)
    reveal = Reveal.of(catalogue.validation_plays, val, playlists=asked, rng=np.random.default_rng(0))
    true = catalogue.warm.tracks

    def quality(factors: np.ndarray) -> float:
        return -float(((factors - true[val]) ** 2).sum())

    def choose(sound: np.ndarray) -> tuple[float, float]:
        estimates = estimates_of(catalogue, sound.astype(np.float32), val)
        return choose_kappas(catalogue, estimates, reveal, quality, alpha=20.0, levels=(0, 1, 5))

    assert choose(true) == (np.inf, np.inf)
    noise = np.random.default_rng(1).standard_normal(true.shape) * true.std(axis=0)
    assert choose(noise)[1] < 10
    nothing = Estimates(true[:0], true[:0], np.zeros(0, np.int64))
    empty = Reveal.of(catalogue.validation_plays, val[:0], playlists=asked, rng=np.random.default_rng(0))
    assert choose_kappas(catalogue, nothing, empty, quality, alpha=20.0, levels=(1,)) == (np.inf, np.inf)


def test_plays_alone_are_folded_in(catalogue: Catalogue) -> None:
    val = np.flatnonzero((catalogue.use == Use.VAL) & catalogue.warm.known).astype(np.int32)
    reveal = Reveal.of(
        catalogue.validation_plays,
        val,
        playlists=np.any(catalogue.warm.playlists, axis=1),
        rng=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(
        folded(catalogue, reveal.shown(0)), np.repeat(catalogue.warm.centre[None], len(val), axis=0)
    )
    shown = reveal.shown(3)
    revealed = shown.getnnz(axis=0) > 0
    expected = fold_in(catalogue.warm.playlists, shown.T.tocsr(), catalogue.warm.als)
    np.testing.assert_array_equal(folded(catalogue, shown)[revealed], expected[revealed])
