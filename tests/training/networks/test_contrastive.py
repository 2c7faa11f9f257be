"""Contrastive losses: partners by brute force, InfoNCE by its definition, the memory by its contents."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles
from unheard.errors import UserError
from unheard.models.losses import Contrastive, ContrastivePlaylists
from unheard.training.dataset import TrainingData
from unheard.training.networks.contrastive import (
    ContrastivePlaylistTracks,
    ContrastiveTracks,
    Memory,
    info_nce,
    ranking_figures,
)
from unheard.training.networks.partners import partners

CPU = torch.device("cpu")
N, N_VAL, M, DIM, WIDTH = 20, 7, 40, 3, 4


def _factors() -> TrainingData:
    rng = np.random.default_rng(1)
    return TrainingData.of_factors(*(rng.normal(size=(n, DIM)).astype(np.float32) for n in (N, N_VAL)))


def _data(seed: int = 0) -> TrainingData:
    """Random factors and plays; artists have three tracks each."""
    rng, factors = np.random.default_rng(seed), _factors()
    plays, validation_plays = (csr_matrix((rng.random((M, n)) < 0.2).astype(np.float32)) for n in (N, N_VAL))
    playlists = rng.normal(size=(M, DIM)).astype(np.float32)
    playlists[:2] = 0.0  # without factors
    return replace(
        factors,
        train=replace(factors.train, plays=plays, artists=np.arange(N) // 3),
        validation=replace(factors.validation, plays=validation_plays, artists=np.arange(N_VAL) // 3),
        playlist_factors=playlists,
    )


def _unit(x: NDArray[Any]) -> Doubles:
    unit: Doubles = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return unit


def _true_odds(weight: str, k: int, *, other_artists: bool) -> Doubles:
    """Odds (n, n) pair by pair."""
    data = _data()
    held = data.train.plays.toarray() > 0
    weights = np.zeros((N, N))
    for a, b in itertools.permutations(range(N), 2):
        both = float((held[:, a] & held[:, b]).sum())
        if other_artists and data.train.artists[a] == data.train.artists[b]:
            continue
        if weight == "ppmi" and both:
            both = max(0.0, np.log(both * held.any(axis=1).sum() / held[:, a].sum() / held[:, b].sum()))
        weights[a, b] = both
    for row in weights:
        row[np.argsort(-row, kind="stable")[k:]] = 0.0
    odds: Doubles = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    return odds


@pytest.mark.parametrize("weight", ["count", "ppmi"])
@pytest.mark.parametrize("other_artists", [True, False])
@pytest.mark.parametrize("k", [4, 50])
def test_partners_against_brute_force(weight: Any, k: int, *, other_artists: bool) -> None:
    data = _data()
    config = Contrastive(weight=weight, partners=k, other_artists=other_artists)
    found = partners(data.train.plays, data.train.artists, config)
    true = _true_odds(weight, k, other_artists=other_artists)
    everyone = np.arange(N)
    np.testing.assert_allclose(found.odds_of(everyone, everyone), true, atol=1e-9)
    np.testing.assert_allclose(found.drawn, true.sum(axis=0) / true.sum(), atol=1e-9)
    drawn = np.zeros((N, N))
    anchors = np.repeat(everyone, 3000)
    np.add.at(drawn, (anchors, found.draw(np.random.default_rng(0), anchors)), 1 / 3000)
    np.testing.assert_allclose(drawn, true, atol=0.05)
    assert not drawn[true == 0].any()


def test_tracks_without_partners_are_no_anchors() -> None:
    plays = csr_matrix(np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]], np.float32))
    found = partners(plays, np.array([0, 0, 1, 2], np.int32), Contrastive(weight="count", other_artists=True))
    assert found.anchors.tolist() == [2, 3]
    assert found.drawn.tolist() == [0.0, 0.0, 0.5, 0.5]


def _numpy_nce(
    query: Doubles, candidate: Doubles, wanted: Doubles, allowed: NDArray[np.bool_], log_q: Doubles, temperature: float
) -> float:
    """Query by query, candidate by candidate."""
    losses = []
    for q in range(len(query)):
        if not wanted[q].any():
            continue
        odds = {
            c: np.exp(query[q] @ candidate[c] / temperature - log_q[c])
            for c in range(len(candidate))
            if allowed[q, c] or wanted[q, c]
        }
        total = sum(odds.values())
        share = wanted[q] / wanted[q].sum()
        losses.append(-sum(share[c] * np.log(odds[c] / total) for c in odds))
    return float(np.mean(losses))


def test_info_nce_against_its_definition() -> None:
    rng = np.random.default_rng(2)
    query, candidate = _unit(rng.normal(size=(6, WIDTH))), _unit(rng.normal(size=(9, WIDTH)))
    wanted = rng.random((6, 9)) * (rng.random((6, 9)) < 0.3)
    wanted[2] = 0.0  # asks for nothing
    wanted[3, 4] = 1.0
    allowed, log_q = rng.random((6, 9)) < 0.6, np.log(rng.random(9))
    loss, _ = info_nce(
        torch.from_numpy(query),
        torch.from_numpy(candidate),
        wanted=torch.from_numpy(wanted),
        allowed=torch.from_numpy(allowed),
        log_q=torch.from_numpy(log_q),
        temperature=0.3,
    )
    assert float(loss) == pytest.approx(_numpy_nce(query, candidate, wanted, allowed, log_q, 0.3))


def test_accuracy_by_hand() -> None:
    """Cosines 1 (wanted), 0.6, 0 and -1; the third is not allowed: both others come behind. Then 0.6 is wanted."""
    candidate = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]])
    allowed = torch.tensor([[True, True, False, True]] * 2)
    _, accuracy = info_nce(
        torch.tensor([[1.0, 0.0]] * 2),
        candidate,
        wanted=torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]),
        allowed=allowed,
        log_q=torch.zeros(4),
        temperature=1.0,
    )
    assert float(accuracy) == pytest.approx(3 / 4)


def test_a_batch_that_wants_nothing_has_no_gradient() -> None:
    candidate = torch.ones(2, 2, requires_grad=True)
    no = torch.zeros(1, 2)
    loss, accuracy = info_nce(
        torch.ones(1, 2), candidate, wanted=no, allowed=no == 0, log_q=torch.zeros(2), temperature=1.0
    )
    loss.backward()
    assert (float(loss.detach()), float(accuracy)) == (0.0, 0.5)
    assert not candidate.grad.any()  # type: ignore[union-attr]


def test_the_memory_holds_the_last_ones() -> None:
    memory, kept = Memory(5, 1), []
    rng = np.random.default_rng(0)
    for size in (2, 2, 3, 7, 1, 4):
        items = torch.from_numpy(rng.integers(100, size=size))
        memory.push(items[:, None].float() / 7, items)
        kept += items.tolist()
        embeddings, held = memory.held()
        assert sorted(held.tolist()) == sorted(kept[-5:])
        torch.testing.assert_close(embeddings[:, 0], held / 7)
    Memory(0, 1).push(torch.ones(2, 1), torch.ones(2, dtype=torch.int64))


def test_a_batch_of_tracks_is_anchors_and_their_partners() -> None:
    goal = ContrastiveTracks(Contrastive(weight="count", partners=5), _data(), CPU, WIDTH)
    true = _true_odds("count", 5, other_artists=False)
    epoch = goal.epoch(np.random.default_rng(0), 8, 2 * N)
    assert [len(items) for items in epoch] == [8] * 5
    anchors = np.concatenate([items[:4] for items in epoch])
    assert np.bincount(anchors, minlength=N).tolist() == [1] * N
    for items in epoch:
        assert all(true[a, b] > 0 for a, b in zip(items[:4], items[4:], strict=True))


@pytest.mark.parametrize("log_q", [True, False])
def test_the_loss_between_tracks_against_its_definition(*, log_q: bool) -> None:
    """Two steps: the second also looks into the memory of the first one's partners."""
    config = Contrastive(weight="count", partners=6, temperature=0.4, log_q=log_q, memory=6)
    goal = ContrastiveTracks(config, _data(), CPU, WIDTH)
    odds = _true_odds("count", 6, other_artists=False)
    drawn = odds.sum(axis=0) / odds.sum()
    rng, epoch = np.random.default_rng(3), goal.epoch(np.random.default_rng(0), 12, 2 * N)
    outputs = [rng.normal(size=(12, WIDTH)).astype(np.float32) for _ in range(2)]
    losses = [float(goal.loss(torch.from_numpy(out), epoch[step])[0]) for step, out in enumerate(outputs)]
    log = np.log(np.maximum(drawn, 1e-12)) if log_q else np.zeros(N)
    for step in range(2):
        unit, items = _unit(outputs[step]), epoch[step]
        own = np.eye(6)
        foreign = (items[6:][None, :] != items[:6][:, None]) & (items[6:][None, :] != items[6:][:, None])
        true = _numpy_nce(unit[:6], unit[6:], own, foreign, log[items[6:]], 0.4)
        if step:
            held, old = epoch[0][6:], _unit(outputs[0])[6:]
            wanted = odds[items[:6]][:, held] / drawn[held]
            allowed = held[None, :] != items[:6][:, None]
            true = (true + _numpy_nce(unit[:6], old, wanted, allowed, log[held], 0.4)) / 2
        assert losses[step] == pytest.approx(true, rel=1e-4)


def test_the_loss_between_tracks_and_playlists_against_its_definition() -> None:
    data = _data()
    config = ContrastivePlaylists(temperature=0.5, negatives=6, memory=5)
    torch.manual_seed(0)
    goal = ContrastivePlaylistTracks(config, data, CPU, WIDTH)
    held = data.train.plays.toarray()[2:] > 0  # playlists with factors
    n_lists = np.maximum(held.sum(axis=0), 1)
    log_q = np.log(np.maximum((held / n_lists).sum(axis=1) / held.any(axis=0).sum(), 1e-12))
    weight = goal.own.get_submodule("map").get_parameter("weight").detach().numpy().astype(np.float64)
    targets = _unit(_unit(data.playlist_factors[2:]) @ weight.T)
    rng, before, of_before = np.random.default_rng(4), np.zeros((0, WIDTH)), np.zeros(0, np.int64)
    for step, items in enumerate(goal.epoch(np.random.default_rng(0), 5, N)[:2]):
        out = rng.normal(size=(5, WIDTH)).astype(np.float32)
        torch.manual_seed(step)
        loss, _ = goal.loss(torch.from_numpy(out), items)
        torch.manual_seed(step)
        draw = np.random.default_rng(int(torch.randint(2**62, ())))  # the draws again
        more = np.flatnonzero(held.any(axis=0))[draw.integers(int(held.any(axis=0).sum()), size=6)]
        starts, all_of = np.concatenate([[0], np.cumsum(held.sum(axis=0))]), np.nonzero(held.T)[1]
        tracks = np.concatenate([items, more])
        lists = all_of[starts[tracks] + draw.integers(0, held.sum(axis=0)[tracks])]
        assert all(held[p, t] for p, t in zip(lists, tracks, strict=True))
        unit, own, holds = _unit(out), np.eye(5), held[lists]
        up = _numpy_nce(unit, targets[lists], np.pad(own, ((0, 0), (0, 6))), ~holds[:, items].T, log_q[lists], 0.5)
        down = _numpy_nce(targets[lists[:5]], unit, own, ~holds[:5][:, items], np.zeros(5), 0.5)
        if step:
            wanted = holds[:5][:, of_before].astype(float)
            down = (down + _numpy_nce(targets[lists[:5]], before, wanted, wanted == 0, np.zeros(5), 0.5)) / 2
        assert float(loss.detach()) == pytest.approx((up + down) / 2, rel=1e-4)
        before, of_before = unit, items


def test_validation_between_tracks_by_brute_force() -> None:
    data = _data()
    config = Contrastive(weight="count", partners=50, temperature=0.3)
    output = np.random.default_rng(5).normal(size=(N_VAL, WIDTH)).astype(np.float32)
    figures = ContrastiveTracks(config, data, CPU, WIDTH).validate(output)
    held, cosine = data.validation.plays.toarray() > 0, _unit(output) @ _unit(output).T
    losses, right = [], []
    for a in range(N_VAL):
        others = [b for b in range(N_VAL) if b != a]
        both = {b: float((held[:, a] & held[:, b]).sum()) for b in others}
        total = sum(np.exp(cosine[a, b] / 0.3) for b in others)
        if not sum(both.values()):
            continue
        losses.append(-sum(both[b] * np.log(np.exp(cosine[a, b] / 0.3) / total) for b in others) / sum(both.values()))
        pairs = [(p, q) for p in others for q in others if both[p] and not both[q]]
        if pairs:
            right.append(np.mean([cosine[a, p] > cosine[a, q] for p, q in pairs]))
    assert figures["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert figures["accuracy"] == pytest.approx(np.mean(right))


def test_validation_of_a_constant_embedding_says_nothing() -> None:
    for goal in (
        ContrastiveTracks(Contrastive(), _data(), CPU, WIDTH),
        ContrastivePlaylistTracks(ContrastivePlaylists(), _data(), CPU, WIDTH),
    ):
        figures = goal.validate(np.ones((N_VAL, WIDTH), np.float32))
        n = N_VAL - isinstance(goal, ContrastiveTracks)
        assert figures["loss"] == pytest.approx(np.log(n))
        assert figures["accuracy"] == pytest.approx(0.5)
    nothing = ranking_figures(np.zeros((3, 4)), np.zeros((3, 4)), np.ones((3, 4), bool), 0.1)
    assert nothing == {"loss": pytest.approx(np.log(4)), "accuracy": 0.5}


def test_validation_plays_change_no_draw() -> None:
    draws = []
    for seed in (0, 9):
        data = _data()
        other = replace(data, validation=_data(seed).validation)
        goal = ContrastiveTracks(Contrastive(), other, CPU, WIDTH)
        draws.append([items.tolist() for items in goal.epoch(np.random.default_rng(0), 8, N)])
    assert draws[0] == draws[1]


def test_playlists_without_factors_are_said() -> None:
    data = _data()
    blank = replace(data, playlist_factors=0 * data.playlist_factors)
    with pytest.raises(UserError, match="learns from playlists, but none has factors; run `unheard factors` again"):
        ContrastivePlaylistTracks(ContrastivePlaylists(), blank, CPU, WIDTH)
    with pytest.raises(UserError, match="no train track has any"):
        ContrastiveTracks(Contrastive(), _factors(), CPU, WIDTH)
