"""Errors of a last stage, and pairs of multi-similarity, against slower truths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.scaling import Scaling
from unheard.models.losses import Cosine, MultiSimilarity, Score
from unheard.training.dataset import TrainingData
from unheard.training.networks.losses import hard_pairs, objective
from unheard.training.networks.triplets import neighbourhoods

CPU = torch.device("cpu")
N, N_VAL, M, DIM = 30, 8, 12, 4
rng = np.random.default_rng(0)
TRAIN = (rng.normal(size=(N, DIM)) * [1, 2, 3, 0.5] + 2).astype(np.float32)
VAL = (rng.normal(size=(N_VAL, DIM)) + 2).astype(np.float32)
PLAYLISTS = rng.normal(size=(M, DIM)).astype(np.float32)
SCALING = Scaling.fit(TRAIN)
FACTORS = TrainingData.of_factors(TRAIN, VAL)
DATA = replace(
    FACTORS,
    train=replace(FACTORS.train, plays=csr_matrix(np.ones((M, N), np.float32))),
    validation=replace(FACTORS.validation, plays=csr_matrix(np.ones((M, N_VAL), np.float32))),
    playlist_factors=PLAYLISTS,
)
ITEMS = np.array([3, 3, 17, 29, 0])
OUTPUT = rng.normal(size=(5, DIM)).astype(np.float32)
VAL_OUTPUT = rng.normal(size=(N_VAL, DIM)).astype(np.float32)


def test_cosine_track_by_track() -> None:
    goal = objective(Cosine(length=0.25), DATA, SCALING, CPU, width=DIM)
    loss, _ = goal.loss(torch.from_numpy(OUTPUT), ITEMS)

    def truth(output: np.ndarray, factors: np.ndarray) -> float:
        predicted, mean = SCALING.inverse(output), TRAIN.mean(axis=0)
        cosines = [
            (p - mean) @ (y - mean) / np.linalg.norm(p - mean) / np.linalg.norm(y - mean)
            for p, y in zip(predicted, factors, strict=True)
        ]
        return float(1 - np.mean(cosines) + 0.25 * ((output - SCALING.transform(factors)) ** 2).mean())

    assert float(loss) == pytest.approx(truth(OUTPUT, TRAIN[ITEMS]), rel=1e-4)
    assert goal.validate(VAL_OUTPUT)["loss"] == pytest.approx(truth(VAL_OUTPUT, VAL), rel=1e-4)


def test_score_is_the_squared_error_of_every_playlists_scores() -> None:
    """In units of what the mean factor costs: predicting that for the train tracks costs 1."""
    goal = objective(Score(), DATA, SCALING, CPU, width=DIM)
    mean = TRAIN.mean(axis=0)

    def squared(predicted: np.ndarray, true: np.ndarray) -> float:
        return float(
            np.mean([sum((x @ p - x @ y) ** 2 for x in PLAYLISTS) for p, y in zip(predicted, true, strict=True)])
        )

    cost = squared(np.repeat(mean[None], N, axis=0), TRAIN)
    loss, _ = goal.loss(torch.from_numpy(OUTPUT), ITEMS)
    assert float(loss) == pytest.approx(squared(SCALING.inverse(OUTPUT), TRAIN[ITEMS]) / cost, rel=1e-4)
    val_loss = goal.validate(VAL_OUTPUT)["loss"]
    assert val_loss == pytest.approx(squared(SCALING.inverse(VAL_OUTPUT), VAL) / cost, rel=1e-4)
    nothing, _ = goal.loss(torch.zeros(N, DIM), np.arange(N))
    assert float(nothing) == pytest.approx(1.0, rel=1e-4)


def test_scores_need_playlists() -> None:
    with pytest.raises(UserError, match="learns from plays, but no train track has any"):
        objective(Score(), FACTORS, SCALING, CPU, width=DIM)


def _true_multi_similarity(output: np.ndarray, positive: np.ndarray, negative: np.ndarray, c: MultiSimilarity) -> float:
    """Anchor by anchor, as printed."""
    unit = output / np.linalg.norm(output, axis=1, keepdims=True)
    losses = []
    for a in range(len(output)):
        s = unit @ unit[a]
        p, n = np.flatnonzero(positive[a]), np.flatnonzero(negative[a])
        hard_p = [i for i in p if len(n) and s[i] - c.epsilon < s[n].max()]
        hard_n = [i for i in n if len(p) and s[i] + c.epsilon > s[p].min()]
        up = np.log(1 + sum(np.exp(-c.alpha * (s[i] - c.base)) for i in hard_p)) / c.alpha
        down = np.log(1 + sum(np.exp(c.beta * (s[i] - c.base)) for i in hard_n)) / c.beta
        losses.append(up + down)
    return float(np.mean(losses))


def test_multi_similarity_against_its_definition() -> None:
    config = MultiSimilarity(alpha=1.5, beta=9.0, base=0.3, epsilon=0.2, nearest=5, buffer=3)
    goal = objective(config, DATA, SCALING, CPU, width=DIM)
    items = rng.integers(N, size=16)
    output = rng.normal(size=(16, DIM)).astype(np.float32)
    near = neighbourhoods(TRAIN, TRAIN.mean(axis=0), nearest=5, buffer=3, farthest=1)
    similarity = near.unit[items] @ near.unit[items].T
    same = items[:, None] == items[None, :]
    positive = (same | (similarity >= near.positive_above[items, None])) & ~np.eye(16, dtype=bool)
    negative = ~same & ~positive & (similarity < near.negative_below[items, None])
    loss, stats = goal.loss(torch.from_numpy(output), items)
    assert float(loss) == pytest.approx(_true_multi_similarity(output, positive, negative, config), rel=1e-4)
    assert 0 < stats["active"] < 1
    figures = goal.validate(VAL_OUTPUT)
    assert figures.keys() == {"loss", "accuracy"}
    few = objective(config, TrainingData.of_factors(TRAIN, VAL[:2]), SCALING, CPU, width=DIM)
    assert few.validate(VAL_OUTPUT[:2]) == {"loss": 0.0, "accuracy": 0.5}


def test_hard_pairs_by_hand() -> None:
    """Cosines with the anchor: positives 0.9 and 0.5, negatives 0.6 and 0.1; within 0.2 of the hardest of the others.

    0.5 - 0.2 < 0.6 is hard, 0.9 - 0.2 > 0.6 is not; 0.6 + 0.2 > 0.5 is hard, 0.1 + 0.2 < 0.5 is not.
    """
    angles = np.arccos([1.0, 0.9, 0.5, 0.6, 0.1])
    output = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1) * 3, dtype=torch.float32)
    positive, negative = torch.zeros(5, 5, dtype=torch.bool), torch.zeros(5, 5, dtype=torch.bool)
    positive[0, 1:3], negative[0, 3:] = True, True
    positive[1, 0] = True  # an anchor without negatives has no hard pair
    hard_positive, hard_negative = hard_pairs(output, positive, negative, epsilon=0.2)
    assert torch.nonzero(hard_positive).tolist() == [[0, 2]]
    assert torch.nonzero(hard_negative).tolist() == [[0, 3]]
