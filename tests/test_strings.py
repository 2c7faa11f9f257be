"""Strings in arrays are the list that they were made of, and their lookups agree with a scan."""

from __future__ import annotations

import bisect
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.strings import ENCODE_AT_ONCE, Strings

texts = st.text(st.sampled_from("abé東\U0001f3b5\udc80\0\n"), max_size=4)


@given(st.lists(texts, max_size=20), texts)
def test_strings_are_a_list(made_of: list[str], wanted: str) -> None:
    strings = Strings(made_of)
    assert list(strings) == [strings[number] for number in range(len(strings))] == strings[:] == made_of
    assert strings[1::2] == made_of[1::2]
    assert strings == Strings(iter(made_of))
    assert (strings == Strings([*made_of, wanted])) is False
    assert list(pickle.loads(pickle.dumps(strings))) == made_of
    if made_of:
        assert strings[-1] == made_of[-1]
    for outside in (len(made_of), -len(made_of) - 1):
        with pytest.raises(IndexError):
            strings[outside]


@given(st.lists(texts, max_size=20), texts.filter(bool))
def test_lookups_agree_with_a_scan(made_of: list[str], wanted: str) -> None:
    ordered = sorted(made_of)
    assert Strings(ordered).first_at_least(wanted) == bisect.bisect_left(ordered, wanted)
    assert Strings(made_of).containing(wanted).tolist() == [at for at, one in enumerate(made_of) if wanted in one]


def test_many_strings_are_read_in_parts() -> None:
    made_of = [str(number) * (number % 3) for number in range(2 * ENCODE_AT_ONCE + 1)]
    assert list(Strings(made_of)) == made_of
