"""Tests of the groups of tracks that must stay together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unheard.ids import IdMap
from unheard.library import Track, Tracks
from unheard.splits import Use, artist_groups, artist_seen

NO_SIGNATURES = (IdMap([]), np.zeros((0, 0), np.float32))


def groups_of(*tracks: Track, signatures: tuple[IdMap, NDArray[np.float32]] = NO_SIGNATURES) -> list[int]:
    return [int(group) for group in artist_groups(Tracks(tracks), signatures)]


def test_artists_are_joined_across_shared_credits() -> None:
    assert groups_of(
        Track("a", artists=("Ann",)),
        Track("b", artists=("Bob",)),
        Track("c", artists=("Cid",)),
        Track("d", artists=("Cid", "Ann")),  # joins a and c, not b
        Track("e", artists=("Eve",)),
    ) == [0, 1, 0, 0, 2]


def test_spelling_of_an_artist_does_not_matter() -> None:
    tracks = [Track(str(n), artists=(name,)) for n, name in enumerate(("The Bärs!", "bars", " BÄRS ", "Bears"))]
    assert groups_of(*tracks) == [0, 0, 0, 1]


def test_tracks_without_an_artist_are_grouped_by_album() -> None:
    assert groups_of(
        Track("a", album="Tape 1"),
        Track("b", album="tape 1"),
        Track("c"),
        Track("d"),
        Track("e", album="Unknown Album"),
        Track("f", album="Unknown Album"),
        Track("g", artists=("Gus",), album="Tape 1"),  # has an artist: the album is not used
    ) == [0, 0, 1, 2, 3, 4, 5]


def test_compilation_credits_are_not_artists() -> None:
    assert groups_of(
        Track("a", artists=("Various Artists", "Ann")),
        Track("b", artists=("various artists", "Bob")),
        Track("c", artists=("V.A.",)),
        Track("d", artists=("<unknown>",)),
        Track("e", artists=("Unknown Artist",)),
        Track("f", artists=("Verschiedene Interpreten", "Eve")),
        Track("g", artists=("verschiedene Interpreten", "Fay")),
    ) == [0, 1, 2, 3, 4, 5, 6]


def test_equal_isrc_joins_artists() -> None:
    assert groups_of(
        Track("a", artists=("Ann",), isrc="US-ABC-12-34567"),
        Track("b", artists=("Ann & Friends",), isrc="usabc1234567"),
        Track("c", artists=("Cid",), isrc=""),
        Track("d", artists=("Dan",), isrc=""),
    ) == [0, 0, 1, 2]


def test_names_without_letters_stay_distinct() -> None:
    assert groups_of(Track("a", artists=("!!!",)), Track("b", artists=("???",))) == [0, 1]


def test_near_identical_audio_joins_tracks_whose_durations_agree() -> None:
    rng = np.random.default_rng(0)
    song, other = rng.normal(size=(2, 64))
    rows = [
        [*song, 200.0],
        [*(2 * song + 0.05 * rng.normal(size=64)), 201.5],  # a re-encoding, louder
        [*song, 203.9],  # 2.4 s longer than the one before: another edit
        [*other, 200.0],
    ]
    ids = IdMap(["x", "y", "z", "w", "not in the library"])
    matrix = np.array([*rows, [*song, 200.0]], np.float32)
    found = groups_of(Track("w"), Track("x"), Track("y"), Track("z"), signatures=(ids, matrix))
    assert found == [0, 1, 1, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=3), max_size=25))
def test_groups_are_the_finest_that_keep_artists_whole(credits_: list[list[str]]) -> None:
    tracks = [Track(f"{n:02d}", artists=tuple(names)) for n, names in enumerate(credits_)]
    found = groups_of(*tracks)
    wanted: list[set[int]] = []  # merge the obvious way
    for row, names in enumerate(credits_):
        touching = [group for group in wanted if any(set(credits_[other]) & set(names) for other in group)]
        wanted = [group for group in wanted if group not in touching] + [{row}.union(*touching)]
    assert {frozenset(np.flatnonzero(np.array(found) == g).tolist()) for g in set(found)} == set(map(frozenset, wanted))
    assert list(dict.fromkeys(found)) == list(range(len(wanted)))  # numbered by first appearance


def test_artist_seen_tells_which_groups_train() -> None:
    uses = np.array([Use.TRAIN, Use.TEST, Use.TEST, Use.VAL, Use.NEW], np.int8)
    groups = np.array([0, 0, 1, 1, 0], np.int32)
    assert artist_seen(uses, groups).tolist() == [True, True, False, False, True]
