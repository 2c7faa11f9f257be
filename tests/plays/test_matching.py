"""Test matching: names of the same recording and of different ones."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.library import Track, Tracks
from unheard.plays import matching
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


QUEEN = Track("q", path="/m/Queen/Greatest Hits/01.mp3", title="Bohemian Rhapsody", artists=("Queen",))
ABBA = Track("a", path="/m/ABBA/Gold/17 Dancing Queen.mp3", title="Dancing Queen", artists=("ABBA",))
FOO = Track("f", path="/m/Foo/Unknown Album/Track 1.mp3", title="Foo Song", artists=("Foo",))


@pytest.mark.parametrize(
    ("path", "artist", "title", "expected"),
    [
        ("/music/ABBA/Greatest Hits/01.mp3", "ABBA", "Dancing Queen", "a"),  # the names are in the library
        ("/music/ABBA/Greatest Hits/01.mp3", "ABBA", "Waterloo", None),  # they are not, and contradict the path
        ("/music/ABBA/Greatest Hits/01.mp3", "Waterloo", "ABBA", None),  # nor the other way round
        ("/music/Queen/Greatest Hits/01.mp3", "", "", "q"),
        ("/music/Queen/Greatest Hits/01.flac", "", "Track 1", "q"),
        ("/music/Queen/Greatest Hits/01.mp3", "Queen", "Bohemian Rhapsody (2011 Remaster)", "q"),
        ("/music/Queen/Greatest Hits/01.mp3", "QUEEN", "Bohemian rapsody", "q"),
        ("/music/Queen/Greatest Hits/01.mp3", "Квин", "Богемская рапсодия", "q"),  # another script
        ("/m/Queen/Greatest Hits/01.mp3", "ABBA", "Dancing Queen", "q"),  # the whole path agrees
        ("/music/ABBA/Greatest Hits/01.mp3", "", "", None),  # "Greatest Hits/01" says nothing
        ("D:\\Music\\Bar\\Unknown Album\\Track 1.mp3", "", "", None),
        ("D:\\Music\\Foo\\Unknown Album\\Track 1.mp3", "", "", "f"),
        ("D:\\Music\\Bar\\Unknown Album\\Track 1.mp3", "Bar", "Bar Song", None),
    ],
)
def test_names_may_contradict_the_end_of_a_path(path: str, artist: str, title: str, expected: str | None) -> None:
    reference = TrackReference(path=path, artist=artist, title=title, either_order=True)
    assert matcher(QUEEN, ABBA, FOO).match(reference) == expected


def test_the_longest_common_end_of_the_paths_wins() -> None:
    found = matcher(
        Track("1", path="/m/A/Live/07 Song.mp3", title="Song", artists=("A",)),
        Track("2", path="/m/B/Live/07 Song.mp3", title="Song", artists=("B",)),
        Track("3", path="/n/B/Live/07 Song.flac", title="Song", artists=("B",)),
    )
    assert found.match(TrackReference(path="/x/A/Live/07 Song.mp3")) == "1"
    assert found.match(TrackReference(path="/x/A/Live/07 Song.ogg")) == "1"
    assert found.match(TrackReference(path="/x/B/Live/07 Song.mp3")) == "2"
    assert found.match(TrackReference(path="/x/B/Live/07 Song.flac")) == "3"
    assert found.match(TrackReference(path="/x/B/Live/07 Song.ogg")) == "2"  # or 3, which has the same names
    assert found.match(TrackReference(path="/x/C/Live/07 Song.mp3")) is None  # 1 or 2
    assert found.match(TrackReference(path="/x/C/Live/07 Song.mp3", artist="A", title="Song")) == "1"
    assert found.match(TrackReference(path="/x/07 Song.mp3")) is None


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/m/AC_DC/Who Made Who_/1.mp3", "/x/AC:DC/Who Made Who?/1.mp3"),  # characters that some systems refuse
        ("/m/Sigur Rós/( )/Vaka.mp3", "E:/SIGUR ROS/( )/vaka.mp3"),
        ("/m/Mr. Big/Vol. 2/05. To Be.mp3", "/x/Mr. Big/Vol. 2/05. To Be.ogg"),
    ],
)
def test_spellings_of_paths(path: str, other: str) -> None:
    assert matcher(Track("t", path=path), Track("u", path="/y/z.mp3")).match(TrackReference(path=other)) == "t"


@pytest.mark.parametrize("artists", ["Band, Guest", "Band & Guest", "Band x Guest", "Band / Guest", "Band; Guest"])
def test_the_first_of_several_artists_is_enough(artists: str) -> None:
    found = matcher(Track("t", title="Song", artists=("Band",)), Track("u", title="Song", artists=("Guest",)))
    assert found.match(TrackReference(artist=artists, title="Song")) == "t"


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


def test_answers_about_names_are_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_CLOSEST", 10)
    matcher = Matcher(Tracks((Track("a", title="Let It Be", artists=("The Beatles",)),)), [])
    for number in range(100):
        assert matcher.match(TrackReference(artist="The Beatles", title=f"Lets It Be {number}")) is None
        assert matcher.match(TrackReference(artist="The Beatles", title="Lets It Be")) == "a"
    assert len(matcher._closest_cache) <= 10
