"""A column that grows against joined batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unheard.plays.readers.growing_column import GrowingColumn

BATCHES = st.lists(
    st.tuples(st.lists(st.integers(-100, 100), max_size=9), st.sampled_from([np.int32, np.int64, np.float32])),
    min_size=1,
    max_size=12,
)


@given(BATCHES)
def test_against_joined_batches(batches: list[tuple[list[int], type[np.generic]]]) -> None:
    column = GrowingColumn()
    arrays = [np.array(numbers, dtype) for numbers, dtype in batches]
    for array in arrays:
        column.append(array)
    expected = np.concatenate(arrays)
    assert column.values.dtype == expected.dtype
    assert column.values.tolist() == expected.tolist()
