"""Tests of ALS and fold-in against the paper's equations in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, random_array
from threadpoolctl import threadpool_limits

from unheard.errors import UserError
from unheard.factors import als_reference
from unheard.factors.als import AlsConfig, confidence, fit_als, fold_in

SMALL = AlsConfig(dim=4, alpha=10.0, regularization=0.1, iterations=8, seed=1)


def sparse(m: int, n: int, *, seed: int = 0, density: float = 0.2) -> csr_matrix:
    rng = np.random.default_rng(seed)
    counts = random_array((m, n), density=density, rng=rng, data_sampler=lambda size: rng.integers(1, 6, size))
    return csr_matrix(counts, dtype=np.float32)


def two_tastes() -> csr_matrix:
    """20 playlists of tracks 0-9, 20 of tracks 10-19, a tenth of the plays missing."""
    plays = np.kron(np.eye(2), np.ones((20, 10))) * (np.random.default_rng(0).random((40, 20)) > 0.1)
    return csr_matrix(plays, dtype=np.float32)


def objective(
    plays: csr_matrix, config: AlsConfig, playlists: NDArray[np.floating], tracks: NDArray[np.floating]
) -> float:
    P, C = als_reference.preference_and_confidence(plays, config)
    return als_reference.objective(P, C, playlists.astype(np.float64), tracks.astype(np.float64), config.regularization)


def test_confidence_is_one_plus_alpha_r() -> None:
    plays = csr_matrix(np.array([[3, 0, 0.5], [0, -1, 0]], np.float32))
    weighted = confidence(plays, AlsConfig(alpha=10, binary=False))
    np.testing.assert_array_equal(weighted.toarray(), [[31, 0, 6], [0, 0, 0]])
    np.testing.assert_array_equal(confidence(plays, AlsConfig(alpha=10)).toarray(), [[11, 0, 11], [0, 0, 0]])
    assert plays.nnz == 3  # the plays themselves stay


def test_the_exact_objective_worked_by_hand() -> None:
    P, C = als_reference.preference_and_confidence(csr_matrix([[2.0, 0.0]]), AlsConfig(alpha=3, binary=False))
    np.testing.assert_array_equal(P, [[1, 0]])
    np.testing.assert_array_equal(C, [[7, 1]])
    X, Y = np.array([[1.0]]), np.array([[0.5], [1.0]])
    assert als_reference.objective(P, C, X, Y, 0.1) == pytest.approx(
        7 * (1 - 0.5) ** 2 + 1 * (0 - 1) ** 2 + 0.1 * (1 + 0.25 + 1)
    )
    assert als_reference.half_step(P, C, Y, 0.1)[0, 0] == pytest.approx(7 * 0.5 / (7 * 0.5**2 + 1 * 1**2 + 0.1))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.floats(0, 50), st.floats(0.01, 10))
def test_no_exact_half_step_increases_the_objective(seed: int, binary: bool, alpha: float, penalty: float) -> None:
    config = AlsConfig(dim=3, alpha=alpha, regularization=penalty, iterations=3, binary=binary)
    rng = np.random.default_rng(seed)
    *_, losses = als_reference.fit(sparse(9, 7, seed=seed), config, rng.normal(size=(9, 3)), rng.normal(size=(7, 3)))
    assert (np.diff(losses) <= 1e-9 * np.array(losses[:-1])).all()


def test_the_half_step_is_where_the_gradient_vanishes() -> None:
    plays, Y = sparse(6, 8), np.random.default_rng(0).normal(size=(8, 4))
    P, C = als_reference.preference_and_confidence(plays, SMALL)
    X = fold_in(Y.astype(np.float32), plays, SMALL).astype(np.float64)
    gradient = -2 * (C * (P - X @ Y.T)) @ Y + 2 * SMALL.regularization * X  # of equation 3 by X, (m, d)
    has_plays = P.any(axis=1)
    assert np.abs(gradient[has_plays]).max() < 1e-4
    assert not X[~has_plays].any()


def same_start(plays: csr_matrix, config: AlsConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factors that implicit draws to start from, for plays without an empty row or column."""
    assert np.diff(plays.indptr).all()
    assert np.diff(plays.tocsc().indptr).all()
    rng = np.random.default_rng(config.seed)
    X, Y = (rng.random((n, config.dim), dtype=np.float32) * 0.01 for n in plays.shape)
    return X.astype(np.float64), Y.astype(np.float64)


@pytest.mark.parametrize("binary", [True, False])
def test_our_confidence_means_the_same_to_implicit_as_to_the_paper(binary: bool) -> None:
    """implicit with its exact (Cholesky) solver in float64: the same factors as ours, iteration by iteration."""
    plays = sparse(25, 15, density=0.4)
    config = AlsConfig(dim=3, alpha=7.0, regularization=0.3, iterations=4, seed=5, binary=binary)
    X, Y = same_start(plays, config)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=3, regularization=0.3, alpha=1.0, iterations=4, use_cg=False, dtype=np.float64
        )
        model.user_factors, model.item_factors = X.copy(), Y.copy()
        model.fit(confidence(plays, config), show_progress=False)
    X, Y, _ = als_reference.fit(plays, config, X, Y)
    np.testing.assert_allclose(model.user_factors, X, atol=1e-7)
    np.testing.assert_allclose(model.item_factors, Y, atol=1e-7)


@pytest.mark.parametrize("binary", [True, False])
def test_fit_reaches_the_objective_of_the_exact_solver(binary: bool) -> None:
    plays = sparse(25, 15, density=0.4)
    config = AlsConfig(dim=3, alpha=2.0, regularization=1.0, iterations=40, seed=5, binary=binary)
    X, Y, losses = als_reference.fit(plays, config, *same_start(plays, config))
    playlists, tracks = fit_als(plays, config)  # three CG steps an iteration
    assert objective(plays, config, playlists, tracks) == pytest.approx(losses[-1], rel=1e-3)
    np.testing.assert_allclose(playlists @ tracks.T, X @ Y.T, atol=0.02)


def test_fit_separates_two_groups_of_listeners() -> None:
    playlists, tracks = fit_als(two_tastes(), AlsConfig(dim=2, alpha=10.0, regularization=0.1))
    scores = playlists @ tracks.T
    assert scores[:20, :10].min() > scores[:20, 10:].max()
    assert scores[20:, 10:].min() > scores[20:, :10].max()


def test_fit_is_deterministic_and_float32() -> None:
    first, second = fit_als(two_tastes(), SMALL), fit_als(two_tastes(), SMALL)
    for one, other in zip(first, second, strict=True):
        assert one.dtype == np.float32
        assert one.tobytes() == other.tobytes()
    assert fit_als(two_tastes(), AlsConfig(dim=4, seed=2))[0].tobytes() != first[0].tobytes()


def test_rows_and_columns_without_plays_are_zero_and_change_nothing() -> None:
    plays = two_tastes().toarray()
    wide = np.zeros((43, 25), np.float32)
    wide[1:41, 2:22] = plays
    playlists, tracks = fit_als(csr_matrix(plays), SMALL)
    wide_playlists, wide_tracks = fit_als(csr_matrix(wide), SMALL)
    assert wide_playlists[1:41].tobytes() == playlists.tobytes()
    assert wide_tracks[2:22].tobytes() == tracks.tobytes()
    assert not wide_playlists[[0, 41, 42]].any()
    assert not wide_tracks[[0, 1, 22, 23, 24]].any()


def test_factors_without_plays_are_zero() -> None:
    playlists, tracks = fit_als(csr_matrix((3, 2), dtype=np.float32), SMALL)
    assert playlists.shape == (3, 4)
    assert tracks.shape == (2, 4)
    assert not playlists.any()
    assert not tracks.any()
    assert fold_in(tracks, csr_matrix((0, 2), dtype=np.float32), SMALL).shape == (0, 4)


def test_fit_reports_progress_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, int, int]] = []
    fit_als(two_tastes(), SMALL, progress=lambda *step: seen.append(step))
    assert seen == [("ALS", done, 8) for done in range(1, 9)]
    assert capfd.readouterr() == ("", "")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 6))
def test_fold_in_is_the_exact_half_step(seed: int, binary: bool, dim: int) -> None:
    config = AlsConfig(dim=99, alpha=20, regularization=0.05, binary=binary)  # the dimension comes from what is fixed
    plays, rng = sparse(12, 9, seed=seed), np.random.default_rng(seed)
    fixed = rng.normal(size=(9, dim)).astype(np.float32)
    P, C = als_reference.preference_and_confidence(plays, config)
    wanted = als_reference.half_step(P, C, fixed.astype(np.float64), config.regularization)
    np.testing.assert_allclose(fold_in(fixed, plays, config), wanted, rtol=1e-4, atol=1e-5)
    folded = fold_in(wanted.astype(np.float32), plays.T, config)  # the other side: tracks from playlists
    np.testing.assert_allclose(
        folded, als_reference.half_step(P.T, C.T, wanted, config.regularization), rtol=1e-3, atol=1e-4
    )


def test_a_copy_of_a_playlist_gets_the_same_factors() -> None:
    config = AlsConfig(dim=4, alpha=10, regularization=0.1, iterations=60)
    playlists, tracks = fit_als(two_tastes(), config)
    np.testing.assert_allclose(fold_in(tracks, two_tastes(), config), playlists, atol=0.02 * np.abs(playlists).max())


def test_fold_in_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match=r"plays of shape \(40, 20\) do not fit 3 fixed factors"):
        fold_in(np.zeros((3, 2), np.float32), two_tastes(), SMALL)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"dim": 0}, "dim is 0, expected at least 1"),
        ({"iterations": 0}, "iterations is 0, expected at least 1"),
        ({"alpha": -1.0}, "alpha is -1.0, expected at least 0"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"seed": -1}, "seed is -1"),
        ({"regularization": 0.0}, "regularization is 0.0, expected more than 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings_: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        AlsConfig(**settings_)  # type: ignore[arg-type]


@pytest.mark.parametrize("largest", [1e15, 1e30, 3e37])
def test_huge_weights_are_one_line(largest: float) -> None:
    """Nanoseconds listened are no play counts: float32 cannot hold the squares."""
    rng = np.random.default_rng(0)
    weights = np.exp(rng.uniform(0, np.log(largest), (20, 24))) * (rng.random((20, 24)) < 0.2)
    with pytest.raises(UserError, match=r"the plays weigh up to .*, and the factors are not finite; .*--weighted"):
        fit_als(csr_matrix(weights), AlsConfig(binary=False, dim=20))
