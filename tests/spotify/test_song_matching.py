"""Tests of song matching with tables of names that match and names that do not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.library import Track
from unheard.spotify.song_matching import MAX_QUERY, Song, choose, matches, queries


def track(title: str, *artists: str, isrc: str = "") -> Track:
    return Track("t", title=title, artists=artists, isrc=isrc)


def song(title: str, *artists: str, isrc: str = "", uri: str = "u") -> Song:
    return Song(uri, title, artists, isrc)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (track("Jóga", "Björk"), song("JOGA", "Bjork")),
        (track("Don't Stop (Remastered 2011)", "Fleetwood Mac"), song("Don’t Stop - 2004 Remaster", "Fleetwood Mac")),
        (track("Crazy in Love", "Beyoncé feat. JAY-Z"), song("Crazy In Love (feat. Jay-Z)", "Beyoncé", "JAY-Z")),
        (track("Crazy in Love (ft. Jay-Z)", "Beyoncé", "JAY-Z"), song("Crazy in Love", "Beyoncé")),
        (track("Mrs. Robinson", "Simon & Garfunkel"), song("Mrs Robinson", "Simon and Garfunkel")),
        (
            track("Danse des petits cygnes", "Berliner Philharmoniker", "Pyotr Ilyich Tchaikovsky"),
            song("Danse des petits cygnes", "Pyotr Ilyich Tchaikovsky", "Berliner Philharmoniker"),
        ),
        (track("残酷な天使のテーゼ", "高橋洋子"), song("残酷な天使のテーゼ", "高橋洋子")),
        (track("???", "!!!"), song("???", "!!!")),
    ],
)
def test_the_same_song(ours: Track, theirs: Song) -> None:
    assert matches(ours, theirs)
    assert choose(ours, [song("Else", "Nobody"), theirs]) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (track("Klavier", "Rammstein"), song("Klavier", "Piano Tribute Players")),
        (track("Klavier", "Rammstein"), song("Klavier - Live", "Rammstein")),
        (track("Klavier", "Rammstein"), song("Klavier (Remix)", "Rammstein")),
        (track("Song 1", "Artist 3"), song("Song 2", "Artist 3")),
        (track("Song 1", "Artist 3"), song("Song 1", "Artist 30")),
        (track("Hello", "Adele"), song("Hello", "Lionel Richie", "Lang Lang")),
        (track("Hello"), song("Hello")),
        (track("Hello"), song("Hello", "Adele")),
        (track("", "Adele"), song("", "Adele")),
    ],
)
def test_near_misses_are_refused(ours: Track, theirs: Song) -> None:
    assert not matches(ours, theirs)
    assert choose(ours, [theirs]) is None


def test_an_isrc_decides_before_names() -> None:
    ours = track("Klavier", "Rammstein", isrc="de-n96-97-00123")
    same = song("Klavier (Piano)", "R+", isrc="DEN969700123", uri="isrc")
    named = song("Klavier", "Rammstein", uri="name")
    assert choose(ours, [named, same]) == same
    assert choose(ours, [song("Klavier", "Nobody", isrc="DEN969700999"), named]) == named
    assert choose(ours, [song("Other", "Nobody")]) is None


def test_the_same_spelling_is_preferred() -> None:
    """ "Stay" and "Stay (With Me)" match; the track's own spelling is preferred to Spotify's order."""
    plain, long = song("Stay", "X", uri="plain"), song("Stay (With Me)", "X", uri="long")
    assert choose(track("Stay (With Me)", "X"), [plain, long]) == long
    assert choose(track("Stay", "X"), [long, plain]) == plain


def test_searches() -> None:
    assert queries(track("Jóga (Remastered 2009)", "Björk feat. Nobody", isrc="GB-AAA-97-00001")) == [
        "isrc:GBAAA9700001",
        "track:Jóga artist:Björk",
    ]
    assert queries(track('artist:Mallory "isrc:X"\nOR', "A:B")) == ["track:artist Mallory isrc X OR artist:A B"]
    assert queries(track("Title", "A", isrc="X artist:Y")) == ["track:Title artist:A"]
    assert queries(track("Title")) == []
    assert queries(track("", "Artist")) == []


@given(title=st.text(max_size=300), artist=st.text(max_size=300))
def test_no_search_is_too_long_or_has_other_fields(title: str, artist: str) -> None:
    for query in queries(track(title, artist)):
        assert len(query) <= MAX_QUERY
        assert not [c for c in query if unicodedata.category(c) == "Cc"]
        assert query.count(":") == 2
        assert '"' not in query
