"""Tests of the statistics against published worked examples and slower implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.stats import wilcoxon

from unheard.listening_test.agreement import krippendorff_alpha
from unheard.listening_test.bradley_terry import preferred, strengths
from unheard.listening_test.resamples import TwoWayResamples
from unheard.listening_test.signed_rank import signed_rank

N = np.nan
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
RELIABILITY = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
    ]
)
# Agresti, "Categorical Data Analysis" (2002), table 10.10: wins in the American League's eastern division, 1987.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
BASEBALL = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    np.float64,
)


def test_alpha_of_krippendorffs_example() -> None:
    assert krippendorff_alpha(RELIABILITY) == pytest.approx(0.849, abs=5e-4)


def test_alpha_from_its_definition() -> None:
    """All pairs of values, counted one by one."""
    rng = np.random.default_rng(1)
    ratings = np.where(rng.random((5, 30)) < 0.6, rng.integers(0, 101, (5, 30)), np.nan)
    units = [column[np.isfinite(column)] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    n = sum(map(len, units))
    observed = sum((a - b) ** 2 / (len(unit) - 1) for unit in units for a, b in itertools.permutations(unit, 2)) / n
    every = np.concatenate(units)
    expected = sum((a - b) ** 2 for a, b in itertools.permutations(every, 2)) / (n * (n - 1))
    assert krippendorff_alpha(ratings) == pytest.approx(1 - observed / expected)


def test_alpha_at_its_ends() -> None:
    assert krippendorff_alpha(np.array([[1.0, 5, 9], [1, 5, 9]])) == pytest.approx(1.0)
    assert krippendorff_alpha(np.array([[1.0, N], [N, 2]])) is None  # nothing was rated twice
    assert krippendorff_alpha(np.full((3, 4), 7.0)) is None  # nothing differs
    rng = np.random.default_rng(0)
    assert krippendorff_alpha(rng.random((4, 2000))) == pytest.approx(0, abs=0.05)


def test_strengths_of_baseball_teams() -> None:
    found = strengths(BASEBALL, prior_sd=np.inf)
    published = (1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0.0)
    assert (found - found[-1]).round(2).tolist() == list(published), TEAMS


def test_the_prior_changes_little_and_keeps_a_winner_finite() -> None:
    free, held = strengths(BASEBALL, prior_sd=np.inf), strengths(BASEBALL)
    assert np.abs(free - held).max() < 0.02
    always = strengths(np.array([[0.0, 9.0], [0.0, 0.0]]))
    assert 2 < always[0] - always[1] < 10
    assert strengths(np.zeros((3, 3))).tolist() == [0, 0, 0]


def test_strengths_of_many_tables_at_once() -> None:
    tables = np.random.default_rng(0).integers(0, 9, (5, 4, 4)).astype(np.float64)
    tables[:, range(4), range(4)] = 0
    for together, alone in zip(strengths(tables), tables, strict=True):
        assert np.allclose(together, strengths(alone), atol=1e-7)
    assert preferred(np.array(0.0)) == 0.5


@given(npst.arrays(np.int64, st.integers(1, 9), elements=st.integers(-4, 4)))
@settings(deadline=None)
def test_signed_rank_by_all_signs(differences: np.ndarray) -> None:
    """Every assignment of signs, one by one; ties and zeros included."""
    p, effect = signed_rank(differences.astype(np.float64))
    moved = differences[differences != 0]
    if not len(moved):
        assert (p, effect) == (1.0, 0.0)
        return
    sizes = np.abs(moved)
    ranks = np.array([(sizes < size).sum() + ((sizes == size).sum() + 1) / 2 for size in sizes])
    here = ranks[moved > 0].sum()
    sums = [ranks[np.array(signs)].sum() for signs in itertools.product([False, True], repeat=len(moved))]
    expected = 2 * min(np.mean([s <= here for s in sums]), np.mean([s >= here for s in sums]))
    assert p == pytest.approx(min(1.0, expected))
    assert effect == pytest.approx((2 * here - ranks.sum()) / ranks.sum())


def test_signed_rank_as_scipy_has_it() -> None:
    rng = np.random.default_rng(0)
    for n in (6, 20, 45):
        differences = rng.normal(0.3, 1, n)
        assert signed_rank(differences)[0] == pytest.approx(wilcoxon(differences, method="exact").pvalue)


def test_resamples_weigh_raters_times_seeds() -> None:
    drawn = TwoWayResamples.draw(4, 3, rng=np.random.default_rng(0), n=50)
    assert (drawn.raters.sum(axis=1) == 4).all()
    assert (drawn.seeds.sum(axis=1) == 3).all()
    weights = drawn.weights(np.array([0, 3]), np.array([2, 1]))
    assert np.array_equal(weights[:, 1], drawn.raters[:, 3] * drawn.seeds[:, 1])
