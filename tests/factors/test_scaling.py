"""Laws of the two scalings."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from unheard.factors.scaling import Scaling, ScalingKind

KINDS = get_args(ScalingKind)
MATRICES = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=st.floats(-1e3, 1e3, width=32)
)


@given(MATRICES, st.sampled_from(KINDS))
def test_inverse_undoes_transform(factors: NDArray[np.float32], kind: ScalingKind) -> None:
    scaling = Scaling.fit(factors, kind)
    back = scaling.inverse(scaling.transform(factors))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, factors, atol=1e-5 * max(1, float(np.abs(factors).max())))


@given(MATRICES)
def test_standard_centres_and_gives_unit_variance(factors: NDArray[np.float32]) -> None:
    scaled = Scaling.fit(factors).transform(factors)
    varies = factors.std(axis=0, dtype=np.float64) > 1e-2 * (1 + np.abs(factors).max(axis=0))
    np.testing.assert_allclose(scaled[:, varies].mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(scaled[:, varies].std(axis=0), 1, atol=1e-3)


@given(MATRICES)
def test_min_max_ends_at_zero_and_one(factors: NDArray[np.float32]) -> None:
    scaled = Scaling.fit(factors, "min-max").transform(factors)
    assert scaled.min() >= -1e-5
    assert scaled.max() <= 1 + 1e-5
    varies = np.ptp(factors, axis=0) > 1e-2 * (1 + np.abs(factors).max(axis=0))
    np.testing.assert_allclose(scaled[:, varies].max(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_dimension_is_only_shifted(kind: ScalingKind) -> None:
    train = np.array([[0.1, 0], [0.1, 1], [0.1, 2]], np.float32)
    scaling = Scaling.fit(train, kind)
    assert scaling.scale[0] == 1
    np.testing.assert_allclose(scaling.transform(np.array([[0.4, 1]], np.float32))[0, 0], 0.3, atol=1e-6)


def test_worked_by_hand() -> None:
    train = np.array([[1, 10], [3, 30]], np.float32)
    standard, min_max = Scaling.fit(train), Scaling.fit(train, "min-max")
    np.testing.assert_allclose(standard.transform(np.array([[4, 10]], np.float32)), [[2, -1]])
    np.testing.assert_allclose(min_max.transform(np.array([[4, 10]], np.float32)), [[1.5, 0]])


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Scaling.fit(np.zeros((0, 3), np.float32))
