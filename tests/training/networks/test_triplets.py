"""Triplets: neighbours by brute force, the draws by their definition, the mining by a hand-worked table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from unheard.factors.scaling import Scaling
from unheard.models.recipe import TripletOffline, TripletSemiHard
from unheard.training.dataset import TrainingData
from unheard.training.networks.losses import objective, relations, semi_hard, triplet_figures
from unheard.training.networks.triplets import Neighbourhoods, grouped, neighbourhoods, offline_triplets, unit_factors

CPU = torch.device("cpu")


def _factors(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32) + 3


def _near(n: int = 60, *, nearest: int = 6, buffer: int = 4, farthest: int = 10) -> Neighbourhoods:
    factors = _factors(n)
    return neighbourhoods(factors, factors.mean(axis=0), nearest=nearest, buffer=buffer, farthest=farthest)


def test_neighbours_against_brute_force() -> None:
    factors = _factors(60)
    near = _near()
    centred = factors - factors.mean(axis=0)
    for row in range(60):
        cosines = {
            other: float(centred[row] @ centred[other] / np.linalg.norm(centred[row]) / np.linalg.norm(centred[other]))
            for other in range(60)
            if other != row
        }
        ranked = sorted(cosines, key=lambda other: -cosines[other])
        assert near.nearest[row].tolist() == ranked[:6]
        assert near.farthest[row].tolist() == ranked[::-1][:10]
        assert near.positive_above[row] == pytest.approx(cosines[ranked[5]], abs=1e-6)
        assert near.negative_below[row] == pytest.approx(cosines[ranked[9]], abs=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_small_sets_have_small_neighbourhoods(n: int) -> None:
    near = _near(n, nearest=20, buffer=20, farthest=500)
    assert near.nearest.shape == (n, max(1, (n - 1) // 4))
    assert near.farthest.shape == (n, max(1, (n - 1) // 2))
    assert all(row not in near.nearest[row] for row in range(n))
    assert all(row not in near.farthest[row] for row in range(n))


def test_a_factor_at_the_mean_has_no_direction() -> None:
    assert unit_factors(np.ones((2, 3), np.float32), np.ones(3, np.float32)).tolist() == [[0.0] * 3] * 2


def test_offline_triplets_follow_their_definition() -> None:
    near = _near()
    epoch = offline_triplets(np.random.default_rng(0), near, 16, 4 * 60)
    anchors = np.concatenate([batch.reshape(3, -1)[0] for batch in epoch])
    assert np.bincount(anchors).tolist() == [4] * 60
    for batch in epoch:
        for anchor, positive, negative in batch.reshape(3, -1).T:
            assert positive in near.nearest[anchor]
            assert negative in near.farthest[anchor]


def test_groups_are_an_anchor_and_its_neighbours() -> None:
    near = _near()
    epoch = grouped(np.random.default_rng(0), near, 24, 6 * 60, 4)
    assert len(epoch) == 60 * 6 / 24
    anchors = []
    for batch in epoch:
        assert len(batch) == 24
        for anchor, *others in batch.reshape(-1, 4):
            assert set(others) <= set(near.nearest[anchor].tolist())
            assert len({anchor, *others}) == 4
            anchors.append(anchor)
    assert set(np.bincount(anchors).tolist()) <= {1, 2}  # they go round


@pytest.mark.parametrize("loss", [TripletOffline(nearest=6, farthest=9), TripletSemiHard(nearest=6, buffer=3)])
def test_triplets_know_train_tracks_alone(loss: TripletOffline | TripletSemiHard) -> None:
    """Items are indices of train tracks, and validation factors change no draw: nothing else can be drawn."""
    train = _factors(40)

    def draws(val: NDArray[np.float32]) -> list[list[int]]:
        goal = objective(loss, TrainingData.of_factors(train, val), Scaling.fit(train), CPU, width=4)
        return [items.tolist() for items in goal.epoch(np.random.default_rng(1), 12, 3)]

    first = draws(_factors(10, seed=1))
    assert first == draws(_factors(25, seed=2) * 100)
    everything = [place for items in first for place in items]
    assert min(everything) >= 0
    assert max(everything) < 40


def test_relations_by_hand() -> None:
    """Angles 0, 10, 30, 90 and 180 degrees, the first twice in the batch; nearest = 1, buffer = 1 of five tracks.

    Row by row the order of the others is: 0: 10 30 90 180; 10: 0 30 90 180; 30: 10 0 90 180; 90: 30 10 0 180;
    180: 90 30 10 0. The first is a positive, the second neither, the rest are negatives.
    """
    angles = np.radians([0, 10, 30, 90, 180])
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    near = neighbourhoods(unit, np.zeros(2, np.float32), nearest=1, buffer=1, farthest=1)
    positive, negative = relations(near, np.array([0, 1, 2, 3, 4, 0]))
    table = [
        ".+o--+",  # track 0: its second patch is a positive too
        "+.o--+",
        "o+.--o",
        "-o+.--",
        "--o+.-",
        "++o--.",
    ]
    for row, line in enumerate(table):
        for column, mark in enumerate(line):
            assert positive[row, column] == (mark == "+"), (row, column)
            assert negative[row, column] == (mark == "-"), (row, column)


def test_semi_hard_by_hand() -> None:
    """An anchor, positives at chords 0.2, 0.6 and 1.6, negatives at chords 0.1, 0.5, 0.7 and 1.5; margin 0.2.

    Beyond 0.2 the nearest negative is 0.5, past the margin; beyond 0.6 it is 0.7; beyond 1.6 there is none: the
    farthest, 1.5, is taken. In the right order are 0.2 with three, 0.6 with two and 1.6 with none of the negatives.
    """
    chords = np.array([0.0, 0.2, 0.6, 1.6, 0.1, 0.5, 0.7, 1.5])
    angles = 2 * np.arcsin(chords / 2)
    output = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1) * 7, dtype=torch.float32)
    positive, negative = torch.zeros(8, 8, dtype=torch.bool), torch.zeros(8, 8, dtype=torch.bool)
    positive[0, 1:4] = True
    negative[0, 4:] = True
    positive[1, 0] = True  # an anchor without negatives makes no triplet
    (anchor, near, far), stats = semi_hard(output, positive, negative, margin=0.2)
    assert list(zip(anchor.tolist(), near.tolist(), far.tolist(), strict=True)) == [(0, 1, 5), (0, 2, 6), (0, 3, 7)]
    assert stats["active"] == pytest.approx(2 / 3)
    assert stats["accuracy"] == pytest.approx(5 / 12)


def test_semi_hard_and_its_loss_against_brute_force() -> None:
    train = _factors(40)
    config = TripletSemiHard(margin=0.1, nearest=5, buffer=3)
    goal = objective(config, TrainingData.of_factors(train, _factors(10, seed=1)), Scaling.fit(train), CPU, width=4)
    near = neighbourhoods(train, train.mean(axis=0), nearest=5, buffer=3, farthest=1)
    rng = np.random.default_rng(2)
    items = rng.integers(40, size=30)
    output = rng.normal(size=(30, 4)).astype(np.float32)
    unit = output / np.linalg.norm(output, axis=1, keepdims=True)
    positive, negative = relations(near, items)
    losses, n, right = [], 0, 0
    for a in range(30):
        for p in np.flatnonzero(positive[a]):
            d_ap = np.linalg.norm(unit[a] - unit[p])
            others = [float(np.linalg.norm(unit[a] - unit[q])) for q in np.flatnonzero(negative[a])]
            farther = [d_an for d_an in others if d_an > d_ap]
            n, right = n + len(others), right + len(farther)
            losses.append(d_ap - (min(farther) if farther else max(others)) + 0.1)
    active = [loss for loss in losses if loss > 0]  # the library's mean is over these
    loss, stats = goal.loss(torch.from_numpy(output), items)
    assert 0 < len(active) < len(losses)
    assert loss.item() == pytest.approx(np.mean(active), abs=1e-5)
    assert stats["accuracy"] == pytest.approx(right / n, abs=1e-6)
    assert stats["active"] == pytest.approx(len(active) / len(losses), abs=1e-6)


def test_a_batch_without_triplets_has_no_gradient() -> None:
    train = _factors(40)
    goal = objective(TripletSemiHard(), TrainingData.of_factors(train, train), Scaling.fit(train), CPU, width=4)
    output = torch.ones(6, 4, requires_grad=True)
    loss, stats = goal.loss(output, np.zeros(6, np.int64))
    loss.backward()
    assert loss.item() == 0.0
    assert stats == {"accuracy": 0.0, "active": 0.0}


def test_a_constant_embedding_scores_the_margin() -> None:
    train, val = _factors(40), _factors(12, seed=1)
    constant = np.ones((12, 8), np.float32)
    for config in (TripletOffline(margin=0.4), TripletSemiHard(margin=0.4)):
        goal = objective(config, TrainingData.of_factors(train, val), Scaling.fit(train), CPU, width=4)
        assert goal.validate(constant)["loss"] == pytest.approx(0.4, abs=1e-5)
    offline = objective(
        TripletOffline(margin=0.4), TrainingData.of_factors(train, val), Scaling.fit(train), CPU, width=4
    )
    loss, stats = offline.loss(torch.ones(9, 8), np.arange(9))
    assert loss.item() == pytest.approx(0.4)
    assert stats == {"accuracy": 0.0, "active": 1.0}


def test_validation_figures_against_brute_force() -> None:
    val = _factors(14)
    near = neighbourhoods(val, val.mean(axis=0), nearest=3, buffer=2, farthest=1)
    output = np.random.default_rng(3).normal(size=(14, 4)).astype(np.float32)
    unit = output / np.linalg.norm(output, axis=1, keepdims=True)
    positive, negative = relations(near, np.arange(14))
    losses, right = [], []
    for a in range(14):
        pairs = [(p, q) for p in np.flatnonzero(positive[a]) for q in np.flatnonzero(negative[a])]
        gaps = [np.linalg.norm(unit[a] - unit[q]) - np.linalg.norm(unit[a] - unit[p]) for p, q in pairs]
        losses.append(np.mean([max(0.0, 0.4 - gap) for gap in gaps]))
        right.append(np.mean([gap > 0 for gap in gaps]))
    figures = triplet_figures(output, near, 0.4)
    assert figures["loss"] == pytest.approx(np.mean(losses), abs=1e-4)
    assert figures["accuracy"] == pytest.approx(np.mean(right), abs=1e-4)
    assert triplet_figures(output, None, 0.4) == {"loss": 0.4, "accuracy": 0.5}
