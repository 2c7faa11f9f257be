"""Ids of players: stable, safe in an address, and an inverse for those that stand for any text."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from unheard.serve import client_ids

SAFE = re.compile(r"[A-Za-z0-9._~-]+")
ANY_TEXT = st.text(min_size=1).filter(lambda text: text.strip())


@given(ANY_TEXT)
@example("tr-x")
@example("a/b ü?&#\u2028")
@example("\ud800")
def test_a_track_is_found_again(track_id: str) -> None:
    given_id = client_ids.of_track(track_id)
    assert SAFE.fullmatch(given_id)
    assert client_ids.track_of(given_id) == track_id


@given(ANY_TEXT)
def test_an_imported_playlist_is_found_again(playlist_id: str) -> None:
    given_id = client_ids.of_imported(playlist_id)
    assert SAFE.fullmatch(given_id)
    assert client_ids.imported_of(given_id) == playlist_id


@given(st.text())
def test_any_text_as_an_id_means_something_or_nothing(text: str) -> None:
    for start in ("", client_ids.TRACK, client_ids.ENCODED_TRACK, client_ids.IMPORTED):
        for found in (client_ids.track_of(start + text), client_ids.imported_of(start + text)):
            assert found is None or isinstance(found, str)


def test_ids_are_those_of_earlier_versions() -> None:
    """Golden values: players keep ids for years."""
    assert client_ids.of_track("t00-0") == "tr-t00-0"
    assert client_ids.of_track("a/b ü") == "tx-YS9iIMO8"
    assert client_ids.of_artist("Björk") == client_ids.of_artist("bjork") == "ar-43ae5c8df6e40c59"
    assert client_ids.of_imported("p1") == "im-cDE"


def test_artists_without_letters_differ() -> None:
    assert len({client_ids.of_artist(name) for name in ("!!!", "???", "+/-", "")}) == 4
