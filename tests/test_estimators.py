"""Estimators: scikit-learn's own checks, the fits of rankers as truth, and their place in pipelines and searches."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.training.rankers.toy import make_world, without_validation
from unheard.estimators import KernelRidgeFactors, MlpFactors, NeighbourFactors, RidgeFactors
from unheard.models.baselines import content_neighbours
from unheard.models.rankers.kernel_ridge import KernelRidge
from unheard.models.rankers.ridge import Ridge
from unheard.training.rankers.fit_functions import FITS

ESTIMATORS = [
    RidgeFactors(penalty=1e-3),
    KernelRidgeFactors(n_components=100),
    MlpFactors(width=32, dropout=0.0, input_dropout=0.0, learning_rate=0.01, batch_size=32, steps=150),
    NeighbourFactors(n_neighbors=3),
]


@parametrize_with_checks(ESTIMATORS)  # type: ignore[untyped-decorator]
def test_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def world() -> tuple[Any, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Training data without validation tracks; its features and factors; features of test tracks."""
    made = make_world()
    data = without_validation(made.data)
    return data, data.train.features, data.train.factors, made.test_features


@pytest.mark.parametrize(
    ("estimator", "config"),
    [
        (RidgeFactors(penalty=0.1), Ridge(penalty=0.1)),
        (RidgeFactors(), Ridge()),
        (KernelRidgeFactors(n_components=200), KernelRidge(features=200)),
    ],
)
def test_estimators_give_what_rankers_give(world: Any, estimator: Any, config: Any) -> None:
    """On standardised features; the kernel's seed is drawn from the random state."""
    data, features, factors, new = world
    seed = int(np.random.RandomState(0).randint(2**31)) if isinstance(config, KernelRidge) else 0
    ranker = FITS[type(config)](data, config, seed=seed, device=torch.device("cpu"))
    with torch.inference_mode():
        expected = ranker.tower(torch.from_numpy(new)).numpy()
    found = estimator.fit(features, factors).predict(new)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(factors).max())


def test_neighbours_are_those_of_the_baseline(world: Any) -> None:
    _, features, factors, new = world
    train = np.arange(len(features), dtype=np.int32)
    expected = content_neighbours(
        np.concatenate([features, new]), np.concatenate([factors, np.zeros((len(new), 6), np.float32)]), train, k=5
    )[len(features) :]
    found = NeighbourFactors(5).fit(features, factors).predict(new)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_a_fit_predicts_transforms_and_can_be_pickled(world: Any, estimator: Any) -> None:
    _, features, factors, new = world
    fitted = estimator.fit(features, factors)
    assert np.array_equal(fitted.transform(new), fitted.predict(new))
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict(new), fitted.predict(new))
    assert fitted.fit(features, factors[:, 0]).predict(new).shape == (len(new),)


def test_pipelines_and_searches(world: Any) -> None:
    _, features, factors, _ = world
    search = GridSearchCV(RidgeFactors(), {"penalty": [1e-3, 0.1, 1e3]}, cv=3).fit(features, factors)
    assert search.best_params_["penalty"] < 1e3
    assert search.best_score_ > 0.3
    pipeline = make_pipeline(StandardScaler(), KernelRidgeFactors(n_components=100), RidgeFactors())
    assert cross_val_score(pipeline, features, factors, cv=3).mean() > 0.3


@pytest.mark.parametrize(
    "estimator", [RidgeFactors(penalty=0), NeighbourFactors(n_neighbors=0), MlpFactors(learning_rate=-1.0)]
)
def test_mistakes(estimator: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        estimator.fit(np.ones((3, 2)), np.ones((3, 2)))
