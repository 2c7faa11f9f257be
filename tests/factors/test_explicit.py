"""Tests of explicit factorisation against the textbook's loop, and that it learns taste beyond popularity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from unheard.errors import UserError
from unheard.factors.explicit import (
    ExplicitConfig,
    ExplicitFactors,
    Ratings,
    descend,
    draw_ratings,
    fit_explicit,
    initial,
)

CONFIG = ExplicitConfig(dim=3, learning_rate=0.05, regularization=0.1)


def some_plays(*, m: int = 12, n: int = 9, seed: int = 0) -> csr_matrix:
    rng = np.random.default_rng(seed)
    table = np.where(rng.random((m, n)) < 0.4, rng.integers(1, 4, (m, n)), 0)
    table[-1], table[:, -1] = 0, 0
    return csr_matrix(table, dtype=np.float32)


def textbook(start: ExplicitFactors, ratings: Ratings, order: np.ndarray, config: ExplicitConfig) -> ExplicitFactors:
    """One rating after the other, as published."""
    bu, bi = start.playlist_bias.copy(), start.track_bias.copy()
    x, y = start.playlists.copy(), start.tracks.copy()
    for entry in order:
        u, i, r = ratings.playlist[entry], ratings.track[entry], ratings.rating[entry]
        e = r - (start.mean + bu[u] + bi[i] + x[u] @ y[i])
        bu[u] += config.learning_rate * (e - config.regularization * bu[u])
        bi[i] += config.learning_rate * (e - config.regularization * bi[i])
        x[u], y[i] = (
            x[u] + config.learning_rate * (e * y[i] - config.regularization * x[u]),
            y[i] + config.learning_rate * (e * x[u] - config.regularization * y[i]),
        )
    return ExplicitFactors(start.mean, bu, bi, x, y)


def in_batches(start: ExplicitFactors, ratings: Ratings, order: np.ndarray, config: ExplicitConfig) -> ExplicitFactors:
    """Each rating's textbook step from the same parameters; a row takes the mean of its steps."""
    now = start
    for first in range(0, len(order), config.batch_size):
        batch = order[first : first + config.batch_size]
        steps: dict[tuple[str, int], list[np.ndarray]] = {}
        for entry in batch:
            after = textbook(now, ratings, np.array([entry]), config)
            u, i = int(ratings.playlist[entry]), int(ratings.track[entry])
            moved = np.r_[after.playlist_bias[u] - now.playlist_bias[u], after.playlists[u] - now.playlists[u]]
            steps.setdefault(("u", u), []).append(moved)
            moved = np.r_[after.track_bias[i] - now.track_bias[i], after.tracks[i] - now.tracks[i]]
            steps.setdefault(("i", i), []).append(moved)
        bu, bi, x, y = (a.copy() for a in (now.playlist_bias, now.track_bias, now.playlists, now.tracks))
        for (side, row), moves in steps.items():
            bias, factor = (bu, x) if side == "u" else (bi, y)
            bias[row] += np.mean(moves, axis=0)[0]
            factor[row] += np.mean(moves, axis=0)[1:]
        now = ExplicitFactors(now.mean, bu, bi, x, y)
    return now


@pytest.mark.parametrize(("batch_size", "truth"), [(1, textbook), (1, in_batches), (7, in_batches), (500, in_batches)])
def test_an_epoch_is_that_of_the_loop(batch_size: int, truth: type) -> None:
    config = replace(CONFIG, batch_size=batch_size)
    rng = np.random.default_rng(1)
    plays = some_plays()
    ratings = draw_ratings(plays, config, rng)
    start = initial(plays.shape, ratings, config, rng)
    order = rng.permutation(len(ratings.rating))
    ours, theirs = descend(start, ratings, order, config), truth(start, ratings, order, config)
    for name in ("playlist_bias", "track_bias", "playlists", "tracks"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10, atol=1e-12)
    assert not np.allclose(ours.playlists, start.playlists)


def test_ratings_are_the_plays_and_drawn_absent_pairs() -> None:
    plays = some_plays(m=40, n=30)
    found = draw_ratings(plays, replace(CONFIG, zeros=3, binary=False), np.random.default_rng(0))
    table = plays.toarray()
    np.testing.assert_array_equal(found.rating, table[found.playlist, found.track])
    n_zeros = int((found.rating == 0).sum())
    assert found.rating.size - n_zeros == plays.nnz
    assert 0.4 * 3 * plays.nnz < n_zeros < 0.8 * 3 * plays.nnz  # the rest hit a play
    assert found.track.max() < 29  # the last track is in no playlist, so it is never drawn
    counts = np.bincount(found.playlist[found.rating == 0], minlength=40)
    assert counts[39] == 0
    assert set(draw_ratings(plays, CONFIG, np.random.default_rng(0)).rating) == {0.0, 1.0}


def test_without_zeros_there_is_nothing_to_learn() -> None:
    plays = some_plays(m=40, n=30)
    found = fit_explicit(plays, ExplicitConfig(dim=3, zeros=0))
    u, i = plays.nonzero()
    np.testing.assert_allclose(found.predict(u.astype(np.int64), i.astype(np.int64)), 1, atol=0.05)
    assert np.abs(found.track_bias).max() < 0.02


def test_ratings_of_a_known_model_are_found_again() -> None:
    """Ratings 3 + b_u + b_i + x_u . y_i with noise; half of them are shown, the others are predicted."""
    rng = np.random.default_rng(0)
    m, n, d = 80, 60, 2
    truth = 3 + 0.4 * rng.standard_normal((m, 1)) + 0.4 * rng.standard_normal(n)
    truth += rng.standard_normal((m, d)) @ rng.standard_normal((d, n)) * 0.4 + 0.05 * rng.standard_normal((m, n))
    shown = rng.random((m, n)) < 0.5
    config = ExplicitConfig(dim=2, zeros=0, binary=False, epochs=150, batch_size=256, regularization=0.01)
    found = fit_explicit(csr_matrix(np.where(shown, np.maximum(truth, 0.01), 0)), config)
    u, i = np.nonzero(~shown)
    error = np.sqrt(((found.predict(u, i) - truth[u, i]) ** 2).mean())
    assert error < 0.25
    assert error < 0.4 * truth[~shown].std()


def test_taste_is_separated_from_popularity() -> None:
    """Two groups: tracks of the own group are predicted above equally popular tracks of the other group."""
    rng = np.random.default_rng(0)
    camp_u, camp_i = np.arange(60) % 2, np.arange(40) % 2
    likes = rng.random((60, 40)) < np.where(camp_u[:, None] == camp_i, 0.5, 0.03)
    found = fit_explicit(csr_matrix(likes.astype(np.float32)), ExplicitConfig(dim=4))
    u, i = np.nonzero(~likes)
    predicted, own = found.predict(u, i), camp_u[u] == camp_i[i]
    assert predicted[own].mean() > predicted[~own].mean() + 0.1


def test_rows_without_ratings_are_zero_and_the_rest_is_finite() -> None:
    found = fit_explicit(some_plays(), replace(CONFIG, epochs=200))
    assert found.playlist_bias[-1] == found.track_bias[-1] == 0
    assert not found.playlists[-1].any()
    assert not found.tracks[-1].any()
    assert all(np.isfinite(a).all() for a in (found.playlists, found.tracks, found.playlist_bias, found.track_bias))
    nothing = fit_explicit(csr_matrix((3, 4), dtype=np.float32), CONFIG)
    assert nothing.mean == 0
    assert not nothing.playlists.any()


def test_divergence_is_a_user_error() -> None:
    with pytest.raises(UserError, match=r"learning_rate is 1.0, too much for these plays; choose a smaller one"):
        fit_explicit(some_plays(), replace(CONFIG, epochs=200, learning_rate=1.0))


def test_the_seed_decides() -> None:
    plays = some_plays()
    one, again, other = (fit_explicit(plays, replace(CONFIG, seed=seed)) for seed in (0, 0, 1))
    assert one.tracks.tobytes() == again.tracks.tobytes()
    assert one.tracks.tobytes() != other.tracks.tobytes()


def test_progress_ends_at_its_total() -> None:
    seen: list[tuple[str, int, int]] = []
    fit_explicit(some_plays(), replace(CONFIG, epochs=4), progress=lambda *step: seen.append(step))
    assert seen == [("explicit factors", done, 4) for done in range(1, 5)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("dim", 0), ("epochs", 0), ("batch_size", 0), ("zeros", -1), ("seed", -1), ("regularization", -0.1)),
        *(("regularization", np.nan), ("learning_rate", 0.0), ("learning_rate", 2.0), ("learning_rate", np.nan)),
    ],
)
def test_settings_are_checked(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"{name} is {value}, expected"):
        ExplicitConfig(**{name: value})  # type: ignore[arg-type]
