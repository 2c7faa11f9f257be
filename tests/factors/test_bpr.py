"""Tests of BPR against the paper's criterion, and of the laws of every factorisation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from unheard.arrays import Doubles
from unheard.errors import UserError
from unheard.factors.bpr import BprConfig, fit_bpr

SMALL = BprConfig(dim=4, iterations=30, seed=1)


def two_tastes() -> csr_matrix:
    """20 playlists of tracks 0-9, 20 of tracks 10-19, a tenth of the plays missing."""
    plays = np.kron(np.eye(2), np.ones((20, 10))) * (np.random.default_rng(0).random((40, 20)) > 0.1)
    return csr_matrix(plays, dtype=np.float32)


def triples(plays: csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Doubles]:
    """Every (u, i, j) with i played and j not, and how often it is drawn: j in proportion to its plays."""
    held = plays.toarray() > 0
    u, i, j = np.nonzero(held[:, :, None] & ~held[:, None, :])
    weight = held.sum(axis=0)[j].astype(np.float64)
    return u, i, j, weight / weight.sum()


def criterion(plays: csr_matrix, config: BprConfig, X: Doubles, Y: Doubles) -> tuple[float, Doubles, Doubles]:
    """Return the expected loss of a step, and its gradients; the constant 1 of a playlist is not regularised."""
    u, i, j, weight = triples(plays)
    lead = (X[u] * (Y[i] - Y[j])).sum(axis=1)
    sizes = [(part**2).sum(axis=1) for part in (X[u][:, :-1], Y[i], Y[j])]
    value = float(weight @ (np.logaddexp(0, -lead) + config.regularization / 2 * sum(sizes)))
    slope = (-weight / (1 + np.exp(lead)))[:, None]
    shrink = (weight * config.regularization)[:, None]
    by_x, by_y = np.zeros_like(X), np.zeros_like(Y)
    np.add.at(by_x, u, slope * (Y[i] - Y[j]) + shrink * X[u])
    np.add.at(by_y, i, slope * X[u] + shrink * Y[i])
    np.add.at(by_y, j, -slope * X[u] + shrink * Y[j])
    by_x[:, -1] = 0
    return value, by_x, by_y


def test_the_criterion_worked_by_hand() -> None:
    plays = csr_matrix([[1.0, 0.0], [1.0, 1.0]])  # one triple: playlist 0 prefers track 0 to track 1
    X, Y = np.array([[2.0, 1.0], [9.0, 1.0]]), np.array([[0.5, 0.2], [-0.5, 0.1]])
    value, *_ = criterion(plays, BprConfig(dim=2, regularization=0.1), X, Y)
    lead = 2 * (0.5 + 0.5) + (0.2 - 0.1)
    assert value == pytest.approx(np.log(1 + np.exp(-lead)) + 0.05 * (4 + 0.29 + 0.26))


def test_fit_comes_near_the_best_that_the_criterion_allows() -> None:
    rng = np.random.default_rng(3)
    plays = csr_matrix((rng.random((30, 20)) < rng.uniform(0.05, 0.6, 20)).astype(np.float32))  # popularity is all
    config = BprConfig(dim=3, iterations=800, learning_rate=0.02, regularization=0.05, seed=0)
    m, n = plays.shape
    start = rng.normal(size=(m + n, 3)) * 0.1
    start[:m, -1] = 1

    def flat(numbers: Doubles) -> tuple[float, Doubles]:
        both = numbers.reshape(m + n, 3)
        value, by_x, by_y = criterion(plays, config, both[:m], both[m:])
        return value, np.concatenate([by_x, by_y]).ravel()

    best = minimize(flat, start.ravel(), jac=True, method="L-BFGS-B").fun
    playlists, tracks = fit_bpr(plays, config)
    reached, *_ = criterion(plays, config, playlists.astype(np.float64), tracks.astype(np.float64))
    nothing = np.log(2)
    assert best < nothing - 0.05
    assert reached - best < 0.05 * (nothing - best)


def test_fit_separates_two_groups_of_listeners() -> None:
    playlists, tracks = fit_bpr(two_tastes(), BprConfig(dim=3))
    scores = playlists @ tracks.T
    assert scores[:20, :10].min() > scores[:20, 10:].max()
    assert scores[20:, 10:].min() > scores[20:, :10].max()


def test_the_bias_is_the_last_number_and_scores_are_dot_products() -> None:
    rng = np.random.default_rng(0)
    chance = np.linspace(0.05, 0.9, 15)
    plays = csr_matrix((rng.random((200, 15)) < chance).astype(np.float32))
    playlists, tracks = fit_bpr(plays, BprConfig(dim=2))
    np.testing.assert_array_equal(playlists[:, -1], 1)
    assert np.corrcoef(tracks[:, -1], np.log(chance / (1 - chance)))[0, 1] > 0.8


def test_fit_is_deterministic_and_float32() -> None:
    first, second = fit_bpr(two_tastes(), SMALL), fit_bpr(two_tastes(), SMALL)
    for one, other in zip(first, second, strict=True):
        assert one.dtype == np.float32
        assert one.shape[1] == 4
        assert one.tobytes() == other.tobytes()
    assert fit_bpr(two_tastes(), BprConfig(dim=4, iterations=30, seed=2))[0].tobytes() != first[0].tobytes()


def test_rows_and_columns_without_plays_are_zero_and_change_nothing() -> None:
    plays = two_tastes().toarray()
    wide = np.zeros((43, 25), np.float32)
    wide[1:41, 2:22] = plays
    wide[42, 0] = -1  # no play either
    playlists, tracks = fit_bpr(csr_matrix(plays), SMALL)
    wide_playlists, wide_tracks = fit_bpr(csr_matrix(wide), SMALL)
    assert wide_playlists[1:41].tobytes() == playlists.tobytes()
    assert wide_tracks[2:22].tobytes() == tracks.tobytes()
    assert not wide_playlists[[0, 41, 42]].any()
    assert not wide_tracks[[0, 1, 22, 23, 24]].any()


def test_how_often_a_track_is_listed_does_not_matter() -> None:
    counted = two_tastes()
    counted.data[:] = np.random.default_rng(0).integers(1, 9, counted.nnz)
    for one, other in zip(fit_bpr(counted, SMALL), fit_bpr(two_tastes(), SMALL), strict=True):
        assert one.tobytes() == other.tobytes()


def test_factors_without_plays_are_zero() -> None:
    playlists, tracks = fit_bpr(csr_matrix((3, 2), dtype=np.float32), SMALL)
    assert playlists.shape == (3, 4)
    assert tracks.shape == (2, 4)
    assert not playlists.any()
    assert not tracks.any()


def test_a_playlist_of_everything_leaves_finite_factors() -> None:
    for factors in fit_bpr(csr_matrix(np.ones((2, 3), np.float32)), SMALL):
        assert np.isfinite(factors).all()


def test_fit_reports_progress_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, int, int]] = []
    fit_bpr(two_tastes(), SMALL, progress=lambda *step: seen.append(step))
    assert seen == [("BPR", done, 30) for done in range(1, 31)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dim": 1}, "dim is 1, expected at least 2"),
        ({"iterations": 0}, "iterations is 0, expected at least 1"),
        ({"seed": -1}, "seed is -1"),
        ({"regularization": -0.1}, "regularization is -0.1, expected at least 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected more than 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BprConfig(**settings)  # type: ignore[arg-type]
