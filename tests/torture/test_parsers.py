"""Our own parsers refuse what they cannot read, whatever bytes they get; `make torture` gives them many more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.parsers import PARSERS, WORDS, check


@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes(name: str) -> None:
    word = st.one_of(st.sampled_from(WORDS[name]), st.binary(max_size=12))

    @settings(max_examples=150)
    @given(st.lists(word, max_size=30).map(b"".join))
    def no_other_error(data: bytes) -> None:
        check(name, data)

    no_other_error()


def test_every_parser_has_words() -> None:
    assert PARSERS.keys() == WORDS.keys()
