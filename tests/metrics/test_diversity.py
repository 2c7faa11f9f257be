"""Tests of metrics beyond accuracy against hand-worked values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import skew

from unheard.metrics.diversity import (
    antihub_share,
    coverage,
    distinct_share,
    gini,
    mean_of_lists,
    occurrences,
    skewness,
)

LISTS = np.array([[0, 1, 2], [0, 1, 3], [0, -1, -1]])  # of 6 candidates


def test_by_hand() -> None:
    counts = occurrences(LISTS, 6)
    np.testing.assert_array_equal(counts, [3, 2, 1, 1, 0, 0])
    assert coverage(counts) == 4 / 6
    assert antihub_share(counts) == 2 / 6
    # Mean absolute difference over all 36 ordered pairs: 2 x (1+2+2+3+3 + 1+1+2+2 + 0+1+1 + 1+1 + 0) / 36 = 42 / 36
    assert gini(counts) == pytest.approx(42 / 36 / (2 * 7 / 6))
    assert skewness(counts) == pytest.approx(float(skew(counts)))


def test_extremes() -> None:
    assert gini(np.array([4, 4, 4])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(3 / 4)  # (n - 1) / n
    assert np.isnan(gini(np.zeros(3, np.int64)))
    assert np.isnan(skewness(np.array([2, 2])))


def test_of_each_list() -> None:
    plays = np.array([10, 4, 1, 7, 0, 0.0])
    np.testing.assert_allclose(mean_of_lists(LISTS, plays), [5, 7, 10])
    assert np.isnan(mean_of_lists(np.array([[-1]]), plays)[0])
    artists = np.array([5, 5, 6, 7, 7, 7])
    np.testing.assert_allclose(distinct_share(LISTS, artists, 3), [2 / 3, 2 / 3, 1 / 3])
