"""Tests of list options: validation, hashing, and the caps."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from unheard.errors import UserError
from unheard.recommend.filters import Filters
from unheard.recommend.options import DEFAULT_OPTIONS, ListChanges, ListOptions, album_cap, artist_cap


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"n": 0}, "n 0: expected a number of tracks, at least 1"),
        ({"candidates": "new"}, "candidates 'new': expected one of cold, warm, all"),
        ({"max_per_artist": 0}, "max_per_artist 0: expected at least 1, or None for no cap"),
        ({"max_per_album": 0}, "max_per_album 0: expected at least 1, or None for no cap"),
        ({"exclude": "t1"}, r"exclude 't1': expected a list; write \['t1'\]"),
        ({"diversity": 1.5}, "diversity 1.5: expected 0"),
        ({"diversity": float("nan")}, "diversity nan: expected 0"),
    ],
)
def test_invalid_values_raise(bad: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        ListOptions(**bad)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(UserError, match=says):
        DEFAULT_OPTIONS.changed(**bad)  # type: ignore[arg-type]


def test_equal_options_are_one_key() -> None:
    first = ListOptions(exclude=["b", "a", "a"], filters=Filters(genres=["Jazz"]))
    second = DEFAULT_OPTIONS.changed(exclude={"a", "b"}, filters=Filters(genres={"Jazz"}))
    assert first == second
    assert len({first, second}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.n = 3  # type: ignore[misc]


def test_every_option_may_be_a_keyword() -> None:
    assert set(typing.get_type_hints(ListChanges)) == {field.name for field in dataclasses.fields(ListOptions)}


def test_no_cap_is_0_outside_and_none_inside() -> None:
    assert [artist_cap(number) for number in (0, 1, 7)] == [None, 1, 7]
    assert [album_cap(number) for number in (None, 0, 1, 7)] == ["artist", None, 1, 7]


def test_an_album_has_the_cap_of_an_artist_unless_it_has_its_own() -> None:
    assert ListOptions().n_per_album == 2
    assert ListOptions(max_per_artist=5).n_per_album == 5
    assert ListOptions(max_per_artist=None).n_per_album is None
    assert ListOptions(max_per_artist=5, max_per_album=None).n_per_album is None
    assert ListOptions(max_per_artist=None, max_per_album=3).n_per_album == 3
