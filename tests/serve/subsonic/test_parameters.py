"""Requests that would cost too much are refused before anything is done with them."""

from __future__ import annotations

import pytest

from unheard.serve.subsonic.errors import SubsonicError
from unheard.serve.subsonic.parameters import MAX_FIELDS, MAX_LENGTH, Parameters


def test_too_many_parameters_are_refused() -> None:
    assert len(Parameters(b"", b"&".join([b"id=a"] * MAX_FIELDS)).every("id")) == MAX_FIELDS
    with pytest.raises(SubsonicError, match=f"at most {MAX_FIELDS} parameters"):
        Parameters(b"", b"&".join([b"id=a"] * (MAX_FIELDS + 1)))


def test_too_long_parameters_are_refused() -> None:
    assert Parameters(b"query=" + b"a" * MAX_LENGTH).text("query") == "a" * MAX_LENGTH
    with pytest.raises(SubsonicError, match=f"at most {MAX_LENGTH} characters"):
        Parameters(b"query=" + b"a" * (MAX_LENGTH + 1))
