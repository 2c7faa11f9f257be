"""Tests of the comparison of titles of songs."""

from __future__ import annotations

import pytest

from unheard.recommend.duplicates import song_title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Heroes", "HEROES (2017 Remaster)"),
        ("Heroes", "Heroes - Live at Wembley, 1985"),
        ("Heroes", "“Heroes” [Single Version]"),
        ("Café del Mar", "Cafe Del Mar - Radio Edit"),
    ],
)
def test_versions_are_one_song(one: str, other: str) -> None:
    assert song_title(one) == song_title(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Part - One", "Part - Two"),
        ("Live and Let Die", "Let Die"),
        ("(Interlude)", "(Outro)"),
        ("Mix", "Remix"),
        ("愛", "恋"),
    ],
)
def test_different_songs_stay_apart(one: str, other: str) -> None:
    assert song_title(one) != song_title(other)


def test_no_title() -> None:
    assert song_title("") == ""
    assert song_title("???") == "???"
