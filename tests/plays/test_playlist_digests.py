"""Tests that a digest changes with the tracks and weights of its playlist, and with nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unheard.ids import IdMap
from unheard.plays import Play, Plays
from unheard.plays.playlist_digests import playlist_digests

LISTS = st.dictionaries(
    st.sampled_from("pqrs"), st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), min_size=1
)


def digests(lists: dict[str, list[str]], *, tracks: str = "abcdef", weight: float = 1.0) -> dict[str, int]:
    rows = [Play(name, track, n, weight) for name, own in lists.items() for n, track in enumerate(own)]
    plays = Plays.of(rows).for_tracks(IdMap(tracks)).positive()
    return dict(zip(plays.playlist_ids, playlist_digests(plays.matrix, plays.track_ids).tolist(), strict=True))


@given(LISTS, LISTS)
def test_digests_are_equal_where_the_tracks_are(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    found, later = digests(before), digests(after)
    for name in before.keys() & after.keys():
        assert (found[name] == later[name]) == (set(before[name]) == set(after[name]))


@given(LISTS)
def test_neither_order_nor_rows_nor_other_tracks_count(lists: dict[str, list[str]]) -> None:
    assert digests({name: own[::-1] for name, own in lists.items()}, tracks="zfedcbaxy") == digests(lists)


def test_weights_count_and_a_playlist_without_plays_is_0() -> None:
    assert digests({"p": ["a"]}) != digests({"p": ["a"]}, weight=2.0)
    assert digests({"p": ["a"]}, weight=-1.0) == {"p": 0}
    assert digests({"p": ["x"], "q": ["a"]})["p"] == 0
