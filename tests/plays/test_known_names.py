"""Names in sorted arrays against a dict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unheard.plays.readers import known_names
from unheard.plays.readers.known_names import UNSEEN, KnownNames, name_hashes


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=8), recent=st.integers(1, 12))
def test_against_a_dict(monkeypatch: pytest.MonkeyPatch, batches: list[list[int]], recent: int) -> None:
    monkeypatch.setattr(known_names, "MAX_RECENT", recent)
    names, truth = KnownNames(), dict[int, int]()
    for batch in batches:
        distinct = sorted(set(batch))
        hashes = name_hashes([f"name {one}" for one in distinct])
        found = names.rows_of(hashes)
        assert found.tolist() == [truth.get(one, UNSEEN) for one in distinct]
        for one, name_hash, row in zip(distinct, hashes.tolist(), found.tolist(), strict=True):
            if row == UNSEEN:
                truth[one] = one % 7 - 1
                names.add(name_hash, truth[one])
        assert len(names) == len(truth)


def test_hashes_do_not_depend_on_the_process() -> None:
    assert name_hashes([""]).tolist() == [0xE4A6A0577479B2B4]  # BLAKE2b of nothing, 8 bytes
    assert name_hashes([]).dtype == np.uint64
