"""Test `Plays` against lists of rows in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unheard.ids import IdMap
from unheard.plays import Play, Plays
from unheard.plays import plays as plays_module
from unheard.plays.plays import join_plays, order_in_parts, playlist_order

TRACKS = "abcde"
ROWS = st.lists(
    st.builds(
        Play,
        st.sampled_from(["p", "q", "r", "9", "10"]),
        st.sampled_from(TRACKS),
        st.integers(-3, 100),
        st.sampled_from([1.0, 2.5, 0.0, -1.0]),
        st.none() | st.sampled_from([1.0, 5.0, 9.0]),
    ),
    unique_by=lambda play: (play.playlist_id, play.position),
    max_size=30,
)


def in_order(rows: Sequence[Play]) -> list[Play]:
    return sorted(rows, key=lambda play: (play.playlist_id, play.position))


def summed(rows: Sequence[Play], playlists: Sequence[str], tracks: Sequence[str]) -> list[list[float]]:
    """Return the matrix of some rows, computed entry by entry."""
    weights: dict[tuple[str, str], float] = defaultdict(float)
    for play in rows:
        weights[play.playlist_id, play.track_id] += play.weight
    return [[weights[playlist, track] for track in tracks] for playlist in playlists]


@given(rows=ROWS, cut=st.none() | st.sampled_from([1.0, 4.0, 9.5]))
def test_matrices_of_earlier_plays_of_some_tracks(rows: list[Play], cut: float | None) -> None:
    tracks = IdMap(["e", "x", "a"])
    plays = Plays.of(rows).for_tracks(tracks).before(cut)
    playlists = sorted({play.playlist_id for play in rows})
    kept = [play for play in rows if cut is None or play.timestamp is None or play.timestamp < cut]
    assert list(plays.playlist_ids) == playlists  # playlists stay, possibly empty
    assert plays.matrix.toarray().tolist() == summed(kept, playlists, list(tracks))
    assert plays.matrix.dtype == np.float32
    assert plays.matrix.has_sorted_indices
    assert plays.matrix.has_canonical_format


@given(rows=ROWS)
def test_rows_come_back_in_order(rows: list[Play]) -> None:
    plays = Plays.of(rows)
    assert list(plays) == in_order(rows)
    assert len(plays) == len(rows)
    for name in ("p", "9", "not there"):
        assert plays.tracks_of(name) == [play.track_id for play in in_order(rows) if play.playlist_id == name]
    dated: dict[str, float] = {}
    for play in rows:
        if play.timestamp is not None:
            dated[play.track_id] = min(play.timestamp, dated.get(play.track_id, np.inf))
    assert plays.first_played() == dated


@given(rows=ROWS, wanted=st.permutations(["q", "10", "p", "new"]))
def test_playlists_in_another_order(rows: list[Play], wanted: list[str]) -> None:
    plays = Plays.of(rows).for_playlists(IdMap(wanted))
    assert list(plays) == [play for name in wanted for play in in_order(rows) if play.playlist_id == name]
    assert plays.matrix.toarray().tolist() == summed(rows, wanted, list(plays.track_ids))


@given(rows=ROWS)
def test_positive_and_binary(rows: list[Play]) -> None:
    plays = Plays.of(rows)
    assert list(plays.positive()) == [play for play in in_order(rows) if play.weight > 0]
    first: dict[tuple[str, str], Play] = {}
    for play in in_order(rows):
        if play.weight > 0:
            first.setdefault((play.playlist_id, play.track_id), play._replace(weight=1.0))
    assert list(plays.binary()) == list(first.values())
    assert set(plays.binary().matrix.data) <= {1.0}


@given(parts=st.lists(ROWS, min_size=1, max_size=3))
def test_parts_that_continue_a_playlist_are_numbered_through(parts: list[list[Play]]) -> None:
    tracks = IdMap(TRACKS)
    joined = list(join_plays([Plays.of(rows).for_tracks(tracks) for rows in parts]))
    for name in {play.playlist_id for rows in parts for play in rows}:
        of_parts = [[play for play in in_order(rows) if play.playlist_id == name] for rows in parts]
        expected = [play for part in of_parts for play in part]
        if sum(map(bool, of_parts)) > 1:
            expected = [play._replace(position=position) for position, play in enumerate(expected)]
        assert [play for play in joined if play.playlist_id == name] == expected
    assert joined == in_order(joined)


def test_the_matrix_is_made_once_and_changes_no_column() -> None:
    plays = Plays.of([Play("p", "b", 0, 2.0), Play("p", "a", 1), Play("p", "b", 2)])
    assert plays.matrix is plays.matrix
    assert plays.weights.tolist() == [2.0, 1.0, 1.0]
    assert plays.track_rows.tolist() == [1, 0, 1]


def test_positions_of_any_size_are_sorted() -> None:
    rows = np.array([1, 0, 1, 0], np.int32)
    positions = np.array([2**62, -(2**62), -5, 7], np.int64)
    assert np.asarray(playlist_order(rows, positions)).tolist() == [1, 3, 2, 0]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), max_size=40), part=st.integers(1, 45))
def test_an_order_in_parts_is_the_order(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[int, int]], part: int
) -> None:
    monkeypatch.setattr(plays_module, "PART", part)
    playlists = np.array([one for one, _ in rows], np.int32)
    keys = np.array([key for _, key in rows], np.int64)
    for key in (None, keys):
        everything = np.arange(len(rows))
        found = order_in_parts(playlists, None if key is None else key.__getitem__, 8)
        assert everything[found].tolist() == everything[playlist_order(playlists, key)].tolist()
