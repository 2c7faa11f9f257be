"""Tests of the bootstrap against a slow one, its coverage, and Holm's correction by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.metrics.intervals import Resamples, holm, p_value, percentile_interval


def test_replicates_are_means_over_the_drawn_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = np.array([7, 7, 3, 3, 3, 9])
    values = np.array([1.0, 2.0, np.nan, 5.0, 6.0, 10.0])
    resamples = Resamples.draw(clusters, rng=rng, n=50)
    assert (resamples.weights.sum(axis=1) == 3).all()
    for weights, mean in zip(resamples.weights, resamples.means(values), strict=True):
        drawn = [v for c, w in zip((3, 7, 9), weights, strict=True) for v in np.repeat(values[clusters == c], int(w))]
        assert mean == pytest.approx(np.nanmean(drawn))


def test_the_same_seed_gives_the_same_resamples() -> None:
    draws = [Resamples.draw(np.arange(30), rng=np.random.default_rng(seed), n=20).weights for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_the_interval_has_its_nominal_coverage() -> None:
    """Clustered data: 60 artists of 1 to 8 tracks whose scores share the artist's level."""
    rng = np.random.default_rng(3)
    held, held_without_clusters, n_worlds = 0, 0, 300
    for _ in range(n_worlds):
        sizes = rng.integers(1, 9, 60)
        clusters = np.repeat(np.arange(60), sizes)
        values = 0.3 + 0.1 * rng.standard_normal(60)[clusters] + 0.05 * rng.standard_normal(len(clusters))
        for alone in (False, True):
            of = np.arange(len(clusters)) if alone else clusters
            found = percentile_interval(Resamples.draw(of, rng=rng, n=200).means(values))
            assert found is not None
            inside = found[0] <= 0.3 <= found[1]
            held_without_clusters += inside and alone
            held += inside and not alone
    assert 0.90 <= held / n_worlds <= 0.98
    assert held_without_clusters / n_worlds < 0.80  # what ignoring the clusters would claim to be 95 %


def test_one_cluster_has_no_interval() -> None:
    resamples = Resamples.draw(np.zeros(5, np.int64), rng=np.random.default_rng(0), n=10)
    assert percentile_interval(resamples.means(np.arange(5.0))) is None
    none = Resamples.draw(np.empty(0, np.int64), rng=np.random.default_rng(0), n=10)
    assert percentile_interval(none.means(np.empty(0))) is None


def test_holm_by_hand() -> None:
    # Ascending .001 .010 .020 .400 times 4 3 2 1: .004 .030 .040 .400
    np.testing.assert_allclose(holm([0.020, 0.001, 0.400, 0.010]), [0.040, 0.004, 0.400, 0.030])
    # .01 .02 .021 times 3 2 1 is .03 .04 .021; the last is lifted to the one before it
    np.testing.assert_allclose(holm([0.01, 0.02, 0.021]), [0.03, 0.04, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_only_raises(p: list[float]) -> None:
    corrected = holm(p)
    assert all(a <= b <= 1 for a, b in zip(p, corrected, strict=True))
    by_p = [c for _, c in sorted(zip(p, corrected, strict=True))]
    assert by_p == sorted(by_p)


def test_p_of_a_true_null_is_about_uniform_and_of_a_clear_difference_small() -> None:
    rng = np.random.default_rng(5)
    null, real = [], []
    for _ in range(200):
        difference = 0.1 * rng.standard_normal(50)
        resamples = Resamples.draw(np.arange(50), rng=rng, n=200)
        null.append(p_value(float(difference.mean()), resamples.means(difference)))
        shifted = difference + 0.1
        real.append(p_value(float(shifted.mean()), resamples.means(shifted)))
    assert 0.02 <= np.mean(np.array(null) < 0.05) <= 0.10
    assert 0.4 <= np.mean(null) <= 0.6
    assert max(real) < 0.05
    assert p_value(0.0, np.zeros(10)) == 1.0
