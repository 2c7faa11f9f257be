"""Baselines against scikit-learn, brute force and a hand-worked table."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from unheard.arrays import Floats
from unheard.models.baselines import artist_mean, content_neighbours, ridge, standardise


def _world(n: int, f: int, d: int = 3, *, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, f)).astype(np.float32) * rng.uniform(0.1, 50, f).astype(np.float32) + 7
    targets = standardise(features, np.arange(n)) @ rng.normal(size=(f, d)) + rng.normal(size=(n, d)) * 3
    return features, targets.astype(np.float32)


def test_artist_mean_by_hand() -> None:
    """Artist 0 has train tracks 0 and 1, artist 1 has track 2, artist 2 none: it gets (1 + 3 + 8) / 3 = 4."""
    targets = np.array([[1, 10], [3, 20], [8, 60], [99, 99], [99, 99], [99, 99]], np.float32)
    predicted = artist_mean(targets, np.array([0, 1, 2]), np.array([0, 0, 1, 0, 1, 2]))
    assert predicted.tolist() == [[2, 15], [2, 15], [8, 60], [2, 15], [8, 60], [4, 30]]


@pytest.mark.parametrize(("n", "f"), [(60, 8), (30, 100)])
@pytest.mark.parametrize("penalty", [0.5, 30.0])
def test_ridge_is_scikit_learns(n: int, f: int, penalty: float) -> None:
    features, targets = _world(n, f)
    train, val = np.arange(0, n - 10), np.arange(n - 10, n)
    x = standardise(features, train).astype(np.float64)
    truth = Ridge(alpha=penalty).fit(x[train], targets[train].astype(np.float64)).predict(x)
    ours = ridge(features, targets, train, val, lambdas=(penalty,))
    np.testing.assert_allclose(ours, truth, atol=2e-4)


def test_ridge_takes_the_lambda_that_is_best_on_validation_rows() -> None:
    features, targets = _world(80, 60)
    train, val = np.arange(50), np.arange(50, 80)
    lambdas = (1e-2, 1.0, 100.0, 1e4)
    each = [ridge(features, targets, train, val, lambdas=(penalty,)) for penalty in lambdas]
    best = int(np.argmin([((p[val] - targets[val]) ** 2).sum() for p in each]))
    assert np.array_equal(ridge(features, targets, train, val, lambdas=lambdas), each[best])
    assert 0 < best < 3


def test_ridge_without_validation_rows_is_still_finite() -> None:
    features, targets = _world(20, 5)
    assert np.isfinite(ridge(features, targets, np.arange(20), np.arange(0))).all()


@pytest.mark.parametrize("k", [1, 4, 500])
def test_content_neighbours_against_brute_force(k: int) -> None:
    features, targets = _world(40, 6)
    train = np.arange(0, 40, 2)
    x = standardise(features, train).astype(np.float64)
    truth = np.zeros_like(targets)
    for row in range(40):
        others = [other for other in train if other != row]
        others.sort(key=lambda other: float(((x[row] - x[other]) ** 2).sum()))
        truth[row] = targets[others[: min(k, len(train) - 1)]].mean(axis=0)
    np.testing.assert_allclose(content_neighbours(features, targets, train, k=k), truth, atol=1e-5)


@pytest.mark.parametrize("baseline", ["artist", "content", "ridge"])
def test_other_targets_are_never_read(baseline: str) -> None:
    features, targets = _world(30, 5)
    train, val, artist = np.arange(20), np.arange(20, 24), np.arange(30) // 3
    spoilt = targets.copy()
    spoilt[24:] = np.nan

    def run(y: Floats) -> Floats:
        if baseline == "artist":
            return artist_mean(y, train, artist)
        return content_neighbours(features, y, train) if baseline == "content" else ridge(features, y, train, val)

    assert np.array_equal(run(targets), run(spoilt))


def test_constant_features_do_not_count() -> None:
    features, targets = _world(30, 5)
    padded = np.concatenate([features, np.full((30, 2), 0.1, np.float32)], axis=1)
    padded[25:, 5] = 7.0  # constant over the train rows only
    train, val = np.arange(20), np.arange(20, 25)
    np.testing.assert_allclose(ridge(padded, targets, train, val), ridge(features, targets, train, val), atol=1e-4)
    assert standardise(padded, train)[:, 5:].any() is np.False_
