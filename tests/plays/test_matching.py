"""Test matching: names of the same recording and of different ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.library import Track, Tracks
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.names import normalise
from unheard.plays.path_index import normal_path

SAME = [
    ("Halo", "HALO"),
    ("Déjà Vu", "Deja vu"),
    ("Don't Stop", "Dont Stop"),
    ("Rock & Roll", "Rock and Roll"),
    ("Let It Be (Remastered 2009)", "Let It Be"),
    ("Let It Be - Remastered 2009", "Let It Be"),
    ("Let It Be - 2009 Remaster", "Let It Be"),
    ("Let It Be [2009 Digital Remaster]", "Let It Be"),
    ("Song (feat. Somebody)", "Song"),
    ("Song feat. Somebody", "Song"),
    ("Song (with Somebody)", "Song"),
    ("Song - Radio Edit", "Song"),
    ("  A   B ", "a b"),
    ("ＡＢＣ", "abc"),
]
OTHER = [
    ("Song", "Song (Live)"),
    ("Song", "Song - Acoustic"),
    ("Song", "Song (Remix)"),
    ("Part 1", "Part 2"),
    ("Song", "Song (Instrumental)"),
    ("!!!", "???"),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_same_key(one: str, two: str) -> None:
    assert normalise(one) == normalise(two)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_other_key(one: str, two: str) -> None:
    assert normalise(one) != normalise(two)


@given(st.text(min_size=1))
def test_keys_are_stable_and_not_empty(text: str) -> None:
    assert bool(normalise(text)) == bool(text.split())
    assert normalise(text) == normalise(text.upper().lower()) or text.lower() != text.upper().lower()


def matcher(*tracks: Track) -> Matcher:
    return Matcher(Tracks(tuple(sorted(tracks, key=lambda track: track.track_id))), [])


def test_codes_go_before_names() -> None:
    found = matcher(
        Track("a", title="Song", artists=("X",), isrc="GBAYE0601498"), Track("b", title="Other", artists=("Y",))
    )
    assert found.match(TrackReference(isrc="gb-aye-06-01498", artist="Y", title="Other")) == "a"
    assert found.match(TrackReference(isrc="unknown", artist="Y", title="Other")) == "b"


def test_ids_and_paths_go_first() -> None:
    found = matcher(
        Track("a", path="/m/x/1.ogg", title="Song", artists=("X",)), Track("b", title="Song", artists=("Y",))
    )
    assert found.match(TrackReference(track_id="a", artist="Y", title="Song")) == "a"
    assert found.match(TrackReference(path="/m/x/1.ogg", artist="Y", title="Song")) == "a"
    assert found.match(TrackReference(path="/other/x/1.ogg")) == "a"
    assert found.match(TrackReference(path="/other/y/1.ogg")) is None


def test_artists_count() -> None:
    found = matcher(
        Track("a", title="Halo", artists=("Beyoncé", "Guest")), Track("b", title="Halo", artists=("Depeche Mode",))
    )
    assert found.match(TrackReference(artist="beyonce feat. Somebody", title="halo")) == "a"
    assert found.match(TrackReference(artist="Beyoncé, Guest", title="Halo")) == "a"
    assert found.match(TrackReference(artist="Depeche Mode", title="Halo")) == "b"
    assert found.match(TrackReference(artist="Other", title="Halo")) is None
    assert found.match(TrackReference(title="Halo")) is None  # two tracks have this title


@pytest.mark.parametrize(
    ("artist", "title", "expected"),
    [
        ("The Beatles", "Strawberry Fields Forevr", "a"),
        ("Beatles", "Strawberry Fields Forever", "a"),
        ("Beatles", "Yesterday", None),
        ("Other Band", "Strawberry Fields Forever", None),
        ("Band", "Long Enough Title Part 2", None),
        ("Band", "Long Enogh Title Part 1", "b"),
    ],
)
def test_near_names(artist: str, title: str, expected: str | None) -> None:
    found = matcher(
        Track("a", title="Strawberry Fields Forever", artists=("The Beatles",)),
        Track("b", title="Long Enough Title Part 1", artists=("Band",)),
    )
    assert found.match(TrackReference(artist=artist, title=title)) == expected


def test_paths_are_normal() -> None:
    assert normal_path("a\\b\\..\\c") == "a/c"
    assert normal_path("/e\u0301") == "/\u00e9"


def test_a_thousand_misses_are_quick() -> None:
    """Most entries of a playlist may be in no library: each may cost only a few comparisons."""
    found = matcher(
        *(Track(f"{n:05d}", title=f"The song {n} of love", artists=(f"Band {n % 99}",)) for n in range(5000))
    )
    start = time.process_time()
    for n in range(1000):
        assert found.match(TrackReference(artist=f"Nobody {n}", title=f"No song {n} of hate")) is None
    assert time.process_time() - start < 5.0
