"""What each ranker makes smaller, worked by hand or written out in full."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from math import exp, log

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.training.rankers.toy import make_world
from unheard.models.rankers.deepmusic import DeepMusic
from unheard.models.rankers.descent import Descent
from unheard.models.rankers.tower import Tower, TowerConfig
from unheard.training.rankers.clcrec import info_nce
from unheard.training.rankers.content_user import hinge
from unheard.training.rankers.deepmusic import fit_deepmusic, measure_of
from unheard.training.rankers.descent import endless, feature_tensors, listed, of_played, pairs, seeded
from unheard.training.rankers.dropoutnet import relative_error
from unheard.training.rankers.gar import fixed, recommender_loss, scaled

CPU = torch.device("cpu")


def numbers(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


def test_info_nce() -> None:
    anchors, candidates = numbers([1.0, 0.0], [0.0, 2.0]), numbers([3.0, 9.0], [9.0, 0.5], [-1.0, 0.0], [0.0, 1.0])
    excluded = torch.tensor([[False, False], [False, True]])  # two positives, then two negatives
    first = -log(exp(1.5) / (exp(1.5) + exp(-0.5) + exp(0)))  # scores 3; -1, 0; temperature 2
    second = -log(exp(0.5) / (exp(0.5) + exp(0)))  # scores 1; 0
    value = info_nce(anchors, candidates, excluded, temperature=2.0)
    assert float(value) == pytest.approx((first + second) / 2, rel=1e-5)


def test_info_nce_without_negatives_is_zero() -> None:
    assert float(info_nce(numbers([1.0]), numbers([1.0], [5.0]), torch.tensor([[True]]), temperature=0.1)) == 0


def test_hinge() -> None:
    positive, negative = torch.tensor([0.5, 0.9]), numbers([0.6, 0.1, 0.9], [0.8, 0.0, -1.0])
    excluded = torch.tensor([[False, False, True], [False, False, False]])
    value = hinge(positive, negative, excluded, margin=0.2)  # 0.3, 0, none; 0.1, 0, 0
    assert float(value) == pytest.approx(0.4 / 5)
    assert float(hinge(positive, negative, torch.ones(2, 3, dtype=torch.bool), margin=0.2)) == 0


def test_relative_error() -> None:
    assert float(relative_error(numbers([1.0, 2.0]), numbers([3.0, 1.0]))) == pytest.approx((4 + 1) / (9 + 1))
    assert float(relative_error(torch.zeros(1, 2), torch.zeros(1, 2))) == 0


def test_the_recommender_of_gar() -> None:
    one, other = torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0])
    value = recommender_loss(one, other, torch.tensor([0.5, 2.0]), negative_share=0.6)
    leads = (2 - 0.4 * 1 - 0.6 * 0.5, 0 + 0.4 * 1 - 0.6 * 2)
    assert float(value) == pytest.approx(sum(log(1 + exp(-lead)) for lead in leads) / 2, rel=1e-6)


def test_the_generator_moves_through_the_recommender_without_moving_it() -> None:
    tower, x = Tower(TowerConfig(width=4), inputs=3, outputs=2).eval(), torch.ones(5, 3, requires_grad=True)
    found = fixed(tower, x)
    torch.testing.assert_close(found, tower(x))
    found.sum().backward()
    assert x.grad is not None
    assert x.grad.any()
    assert all(weight.grad is None for weight in tower.parameters())


def test_scaled_factors_keep_zero_rows() -> None:
    factors = np.array([[0, 0], [2, 0], [6, 8]], np.float32)  # deviations 2 and 4 of the rows that are not zero
    np.testing.assert_allclose(scaled(factors), factors / 3)
    np.testing.assert_array_equal(scaled(factors[:1]), factors[:1])


def measured(loss: str, predicted: NDArray[np.float32], items: NDArray[np.int64]) -> float:
    config = DeepMusic(loss=loss, alpha=7.0)  # type: ignore[arg-type]
    return float(measure_of(make_world().data, config, CPU)(torch.from_numpy(predicted), items))


@pytest.fixture
def predicted() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


ITEMS = np.array([3, 0, 77, 12, 5])


def test_deepmusic_squared_error(predicted: NDArray[np.float32]) -> None:
    Y = make_world().data.train.factors.astype(np.float64)
    wanted = ((predicted - Y[ITEMS]) ** 2).mean() / ((Y - Y.mean(axis=0)) ** 2).mean()
    assert measured("mse", predicted, ITEMS) == pytest.approx(wanted, rel=1e-4)


def test_deepmusic_weighted_prediction_error(predicted: NDArray[np.float32]) -> None:
    data = make_world().data
    p = data.train.plays.toarray().astype(np.float64)  # (m, train)
    c = 1 + 7.0 * p
    error = (c[:, ITEMS] * (p[:, ITEMS] - data.playlist_factors.astype(np.float64) @ predicted.T) ** 2).sum()
    assert measured("wpe", predicted, ITEMS) == pytest.approx(error / (8 * p.sum(axis=0).mean() * 5), rel=1e-4)


def test_deepmusic_score_error_is_the_squared_error_of_all_scores(predicted: NDArray[np.float32]) -> None:
    data = make_world().data
    X, Y = data.playlist_factors.astype(np.float64), data.train.factors.astype(np.float64)
    error = ((X @ (predicted - Y[ITEMS]).T) ** 2).sum(axis=0).mean()
    typical = ((X @ (Y - Y.mean(axis=0)).T) ** 2).sum(axis=0).mean()
    assert measured("score", predicted, ITEMS) == pytest.approx(error / typical, rel=1e-4)


def test_deepmusic_cosine_does_not_see_lengths(predicted: NDArray[np.float32]) -> None:
    Y = make_world().data.train.factors
    centre = Y.mean(axis=0)
    a, b = predicted - centre, Y[ITEMS] - centre
    cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert measured("cosine", predicted, ITEMS) == pytest.approx(1 - cosines.mean(), abs=1e-5)
    longer = (centre + 3 * (predicted - centre)).astype(np.float32)
    assert measured("cosine", longer, ITEMS) == pytest.approx(1 - cosines.mean(), abs=1e-5)


@pytest.mark.parametrize("loss", ["mse", "score", "cosine"])
def test_the_truth_costs_nothing(loss: str) -> None:
    assert measured(loss, make_world().data.train.factors[ITEMS], ITEMS) == pytest.approx(0, abs=1e-5)


def test_batches_hold_every_item_once_before_any_comes_again() -> None:
    drawn = list(islice(endless(np.random.default_rng(0), 6, 2), 6))
    assert sorted(np.concatenate(drawn[:3])) == sorted(np.concatenate(drawn[3:])) == list(range(6))
    assert [len(batch) for batch in islice(endless(np.random.default_rng(0), 3, 100), 2)] == [3, 3]


def test_plays_as_pairs_and_as_a_mask() -> None:
    plays = make_world().data.train.plays
    players, played = pairs(plays)
    assert len(players) == plays.nnz
    assert (plays.toarray()[players, played] == 1).all()
    rows, tracks = np.array([4, 0, 4]), np.array([7, 7, 1])
    np.testing.assert_array_equal(listed(plays, rows, tracks, CPU), plays.toarray()[np.ix_(rows, tracks)] > 0)
    found = of_played(np.ones((plays.shape[0], 2), np.float32), plays)
    np.testing.assert_array_equal(found[:, 0], np.diff(plays.indptr) > 0)


def test_features_of_train_and_validation_tracks() -> None:
    data = make_world().data
    known, unheard = feature_tensors(data, CPU)
    np.testing.assert_array_equal(known, data.train.features)
    np.testing.assert_array_equal(unheard, data.validation.features)


def test_a_seed_leaves_no_trace() -> None:
    before = torch.random.get_rng_state()
    with seeded(5, CPU) as rng:
        first = torch.rand(3), rng.random(3)
    with seeded(5, CPU) as rng:
        again = torch.rand(3), rng.random(3)
    assert torch.equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_patience_ends_what_does_not_get_better() -> None:
    data = make_world().data
    idle = Descent(learning_rate=1e-12, weight_decay=0.0, steps_per_check=1, checks=30, patience=4)
    config = DeepMusic(tower=TowerConfig(width=8), descent=idle)
    assert len(fit_deepmusic(data, config, seed=0, device=CPU).history) == 5
    patient = replace(config, descent=replace(idle, checks=3))
    assert len(fit_deepmusic(data, patient, seed=0, device=CPU).history) == 3
