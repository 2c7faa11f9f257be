"""The regressions against slower truths: scikit-learn, exact kernels, and a general-purpose minimiser."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from sklearn import linear_model

from tests.training.rankers.toy import embeddings_of, make_world, without_features, without_validation
from unheard.arrays import Doubles
from unheard.models.rankers.kernel_ridge import KernelRidge, fourier
from unheard.models.rankers.reduced_rank import ReducedRank
from unheard.models.rankers.ridge import Ridge
from unheard.training.rankers.closed_form import DecomposedRegression
from unheard.training.rankers.kernel_ridge import fit_kernel_ridge, median_distance
from unheard.training.rankers.reduced_rank import fit_reduced_rank, reduced_coefficients, score_root
from unheard.training.rankers.ridge import fit_ridge
from unheard.training.rankers.validation import ndcg, validation_playlists

CPU = torch.device("cpu")


def problem(n: int, inputs: int, factors: int, *, seed: int = 0) -> tuple[Doubles, Doubles]:
    """x (n, inputs) and y (n, factors), neither centred, y a noisy map of x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, inputs)) + rng.normal(size=inputs)
    return x, x @ rng.normal(size=(inputs, factors)) + rng.normal(size=(n, factors)) + 3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 12), st.floats(1e-2, 1e3))
def test_every_penalty_is_ridge_regression(seed: int, n: int, inputs: int, penalty: float) -> None:
    x, y = problem(n, inputs, 3, seed=seed)
    slow = linear_model.Ridge(alpha=penalty, solver="svd").fit(x, y)
    regression = DecomposedRegression.of(x, y)
    coefficients = regression.coefficients(penalty)
    np.testing.assert_allclose(coefficients, slow.coef_.T, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(regression.predict(x, coefficients), slow.predict(x), rtol=1e-5, atol=1e-5)
    module = regression.linear(coefficients)(torch.from_numpy(x.astype(np.float32)))
    np.testing.assert_allclose(module.numpy(), slow.predict(x), rtol=1e-4, atol=1e-3)


def test_one_track_is_predicted_by_itself() -> None:
    x, y = problem(1, 4, 2)
    regression = DecomposedRegression.of(x, y)
    assert not regression.coefficients(1.0).any()
    np.testing.assert_allclose(regression.predict(x + 5, regression.coefficients(1.0)), y, rtol=1e-6)


def test_ridge_averages_its_penalties_by_how_well_they_rank() -> None:
    data = make_world().data
    config = Ridge(penalties=(1e-3, 1.0, 1000.0))
    ranker = fit_ridge(data, config, seed=0, device=CPU)
    n, queries = len(data.train), validation_playlists(data)
    qualities, scores, deviations = [], [], []
    for penalty in config.penalties:
        slow = linear_model.Ridge(alpha=penalty * n).fit(data.train.features, data.train.factors)
        val = slow.predict(data.validation.features).astype(np.float32)
        qualities.append(ndcg(data.playlist_factors, val, data, queries))
        scores.append(data.playlist_factors[queries] @ val.T)
        centred = scores[-1] - scores[-1].mean(axis=1, keepdims=True)
        deviations.append(np.sqrt((centred**2).mean()))
    assert [entry["penalty"] for entry in ranker.history] == list(config.penalties)
    assert [entry["ndcg"] for entry in ranker.history] == pytest.approx(qualities, abs=1e-3)
    weights = np.exp((np.array(qualities) - max(qualities)) / config.temperature)
    weights /= weights.sum()
    slow_sum = sum(w * s / d for w, s, d in zip(weights, scores, deviations, strict=True)) * (weights @ deviations)
    found = data.playlist_factors[queries] @ embeddings_of(ranker, data.validation.features).T
    np.testing.assert_allclose(  # each playlist's scores but for a constant: the mean factor is not averaged
        found - found.mean(axis=1, keepdims=True), slow_sum - slow_sum.mean(axis=1, keepdims=True), rtol=0.02, atol=1e-3
    )


def test_without_judges_the_penalty_is_the_one_of_the_configuration() -> None:
    data = without_validation(make_world().data)
    ranker = fit_ridge(data, Ridge(penalties=(1e-3,), penalty=2.0), seed=0, device=CPU)
    known = data.train.features
    slow = linear_model.Ridge(alpha=2.0 * len(known)).fit(known, data.train.factors)
    np.testing.assert_allclose(embeddings_of(ranker, known), slow.predict(known), rtol=1e-3, atol=1e-4)
    assert ranker.history == ({"penalty": 2.0},)
    reduced = fit_reduced_rank(data, ReducedRank(rank=2, penalty=2.0), seed=0, device=CPU)
    assert reduced.history == ({"rank": 2.0, "penalty": 2.0},)


def test_settings_that_say_nothing_are_left_out() -> None:
    data = make_world().data
    nothing = without_features(data)  # every setting predicts the mean
    ranker = fit_ridge(nothing, Ridge(penalties=(1.0, 0.1, 10.0)), seed=0, device=CPU)
    assert [entry["penalty"] for entry in ranker.history] == [0.1, 1.0, 10.0]
    assert len({entry["ndcg"] for entry in ranker.history}) == 1
    np.testing.assert_allclose(
        embeddings_of(ranker, data.train.features[:3]), [data.train.factors.mean(axis=0)] * 3, atol=1e-5
    )


def test_random_features_approach_the_gaussian_kernel() -> None:
    rng, bandwidth = np.random.default_rng(0), 2.5
    x = rng.normal(size=(30, 4))
    frequencies = torch.from_numpy(rng.normal(size=(4, 20_000)) / bandwidth)
    phases = torch.from_numpy(rng.uniform(0, 2 * np.pi, 20_000))
    z = fourier(torch.from_numpy(x), frequencies, phases).numpy()
    np.testing.assert_allclose(z @ z.T, np.exp(-(cdist(x, x) ** 2) / (2 * bandwidth**2)), atol=0.05)


def test_kernel_ridge_approaches_the_exact_one() -> None:
    world = make_world()
    data, penalty = world.data, 0.01
    ranker = fit_kernel_ridge(data, KernelRidge(features=8000, penalties=(penalty,)), seed=0, device=CPU)
    known = data.train.features.astype(np.float64)
    bandwidth = float(np.median(cdist(known, known)[np.triu_indices(len(known), 1)]))

    def kernel(rows: NDArray[np.floating]) -> Doubles:
        values: Doubles = np.exp(-(cdist(rows, known) ** 2) / (2 * bandwidth**2))
        return values

    K, k, n = kernel(known), kernel(world.test_features), len(known)
    centre = np.eye(n) - 1 / n
    weights = np.linalg.solve(
        centre @ K @ centre + penalty * n * np.eye(n), data.train.factors - data.train.factors.mean(0)
    )
    exact = (k - K.mean(axis=0)) @ centre @ weights + data.train.factors.mean(axis=0)
    error = embeddings_of(ranker, world.test_features) - exact
    assert np.sqrt((error**2).mean()) < 0.1 * exact.std(axis=0).mean()


def test_the_median_distance() -> None:
    rng = np.random.default_rng(0)
    assert median_distance(np.array([[0.0], [3.0], [4.0]], np.float32), rng) == pytest.approx(3)  # of 1, 3 and 4
    assert median_distance(np.ones((5, 2), np.float32), rng) == 1.0
    assert median_distance(np.ones((1, 2), np.float32), rng) == 1.0
    assert median_distance(np.zeros((3000, 2), np.float32), rng) == 1.0


def weighted_loss(x: Doubles, y: Doubles, weights: Doubles, coefficients: Doubles, penalty: float) -> float:
    """tr (Y - XB) G (Y - XB)' + lambda tr B G B'."""
    residual = y - x @ coefficients
    return float(
        np.trace(residual @ weights @ residual.T) + penalty * np.trace(coefficients @ weights @ coefficients.T)
    )


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("penalty", [0.1, 30.0])
def test_reduced_rank_is_the_best_of_its_rank(rank: int, penalty: float) -> None:
    x, y = problem(20, 5, 4)
    playlists = np.random.default_rng(1).normal(size=(9, 4)).astype(np.float32) * np.array([3, 1, 1, 0.3], np.float32)
    weights = playlists.astype(np.float64).T @ playlists
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    found = reduced_coefficients(DecomposedRegression.of(x, y), score_root(playlists), rank=rank, penalty=penalty)
    assert np.linalg.matrix_rank(found, tol=1e-9) == rank

    def flat(numbers: Doubles) -> float:
        left, right = np.split(numbers, [5 * rank])
        return weighted_loss(x, y, weights, left.reshape(5, rank) @ right.reshape(rank, 4), penalty)

    starts = [np.random.default_rng(seed).normal(size=9 * rank) for seed in range(4)]
    best = min(minimize(flat, start, method="BFGS").fun for start in starts)
    assert weighted_loss(x, y, weights, found, penalty) == pytest.approx(best, rel=1e-5)


def test_reduced_rank_without_a_reduction_is_ridge_to_every_playlist() -> None:
    x, y = problem(20, 5, 4)
    regression = DecomposedRegression.of(x, y)
    playlists = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)  # they look at a plane only
    full = reduced_coefficients(regression, score_root(playlists), rank=4, penalty=2.0)
    np.testing.assert_allclose(full @ playlists.T, regression.coefficients(2.0) @ playlists.T, atol=1e-6)


def test_reduced_rank_finds_the_rank_of_the_world() -> None:
    """Three hidden numbers rule it; six factors with one or two of them cannot say it all."""
    data = make_world().data
    ranker = fit_reduced_rank(data, ReducedRank(penalties=(0.1,)), seed=0, device=CPU)
    quality = {entry["rank"]: entry["ndcg"] for entry in ranker.history}
    assert set(quality) == {1.0, 2.0, 4.0, 6.0}
    assert quality[1.0] < quality[2.0] < quality[4.0]
