"""File names of lists, and the amount of data."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from unheard.go.data_size import list_length, n_factors, n_radios
from unheard.go.new_lists import MAX_NAME_BYTES, file_names

NASTY = st.text(st.sampled_from(string.ascii_letters + '<>:"/\\|?*. \n\0éßİ🎵'), max_size=200)


@given(st.lists(NASTY, max_size=20))
def test_file_names_are_distinct_and_valid_everywhere(titles: list[str]) -> None:
    names = file_names(titles)
    assert len({name.casefold() for name in names}) == len(titles)
    for name in names:
        assert name
        assert not set(name) & set('<>:"/\\|?*\n\0')
        assert name == name.strip(" .")
        assert len(name.encode()) <= MAX_NAME_BYTES + len(" (20)")


def test_equal_titles_are_numbered() -> None:
    assert file_names(["New for Rock", "New for rock", "New: for Rock?"]) == [
        "New for Rock",
        "New for rock (2)",
        "New- for Rock-",
    ]


def test_sizes() -> None:
    assert [n_factors(1, 10), n_factors(40, 400), n_factors(100, 1300), n_factors(10**6, 10**8)] == [8, 20, 50, 200]
    assert [list_length(25, n) for n in (0, 1, 15, 49, 1000)] == [1, 1, 8, 25, 25]
    assert [n_radios(n) for n in (1, 24, 1000)] == [1, 2, 20]
