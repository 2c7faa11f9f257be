"""IdMap is a bijection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.ids import IdMap

distinct_ids = st.lists(st.text(min_size=1), unique=True, max_size=50)


@given(distinct_ids)
def test_rows_and_ids_are_inverse(ids: list[str]) -> None:
    id_map = IdMap(ids)
    assert id_map.take(id_map.rows(ids)) == ids
    assert [id_map.row(name) for name in ids] == list(range(len(ids)))
    assert list(id_map) == ids


def test_a_repeated_id_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'b' is there twice"):
        IdMap(["a", "b", "c", "b"])


def test_unknown_ids_raise_or_become_missing() -> None:
    id_map = IdMap(["a", "b"])
    with pytest.raises(KeyError):
        id_map.rows(["a", "z"])
    assert id_map.rows(["z", "b"], missing=-1).tolist() == [-1, 1]
    assert id_map.rows([]).shape == (0,)
