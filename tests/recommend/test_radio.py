"""A radio goes on: nothing comes twice while there is something new, and no artist follows itself without need."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from unheard.recommend.options import ListOptions
from unheard.recommend.radio import without_neighbours
from unheard.recommend.recommend import Recommendation
from unheard.session import Session
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace

OPTIONS = ListOptions(n=12, candidates="all", explain=False)


@pytest.fixture(scope="module")
def session(workspace: Workspace) -> Session:
    return Session(workspace.root, split="artists", model="toy")


def test_it_plays_every_track_before_one_returns(session: Session) -> None:
    played: list[str] = []
    seeds = ["t00-0", "t01-0"]
    for _ in range(100):
        found = [item.track_id for item in session.radio(seeds, played=played, options=OPTIONS)]
        assert 0 < len(found) <= OPTIONS.n
        if set(found) & set(played):
            break
        played += found
    songs = session.catalogue.song
    others = {int(song) for song in songs} - {int(songs[session.catalogue.track_row(name)]) for name in seeds}
    assert {int(songs[session.catalogue.track_row(name)]) for name in played} == others
    assert not set(found) & set(played[-len(played) // 3 :])  # those that were played lately stay away


def test_known_tracks_are_played_too_unless_it_is_told(session: Session) -> None:
    warm = {session.catalogue.tracks.ids[row] for row in session.catalogue.candidates("warm", new=True).tolist()}
    seed = min(warm)
    assert warm & {item.track_id for item in session.radio([seed])}
    assert not warm & {item.track_id for item in session.radio([seed], options=ListOptions(candidates="cold"))}


def test_no_artist_follows_itself(session: Session) -> None:
    played = ["t05-1"]
    for _ in range(6):
        found = session.radio(["t05-0"], played=played, options=OPTIONS)
        artists = session.catalogue.main_artist
        last = session.catalogue.track_row(played[-1])
        assert all(artists[a] != artists[b] for a, b in pairwise([last, *(item.row for item in found)]))
        played += [item.track_id for item in found]


def test_the_order_changes_only_where_an_artist_would_repeat() -> None:
    artists = np.array([0, 0, 1, 0, 2, 0], np.int32)
    found = [Recommendation(row + 1, row, f"t{row}", "", 0.0, ()) for row in range(6)]
    assert [item.row for item in without_neighbours(found, artists, None)] == [0, 2, 1, 4, 3, 5]
    assert [item.row for item in without_neighbours(found, artists, 0)] == [2, 0, 4, 1, 3, 5]
    assert without_neighbours([], artists, None) == []


def test_a_thumb_down_is_in_no_list(session: Session) -> None:
    """Not in recommendations, neighbours, radios or paths; and everywhere again when it is taken back."""

    def lists() -> list[list[str]]:
        return [
            [item.track_id for item in session.recommendations(playlist="p03", n=5, explain=False)],
            [item.track_id for item in session.recommendations(like=["t00-0"], n=5, explain=False)],
            [item.track_id for item in session.neighbours("t00-0", n=5, explain=False)],
            [item.track_id for item in session.radio(["t00-0"], options=OPTIONS)],
            [step.track_id for step in session.path("t00-0", "t20-3", n=5)][1:-1],
        ]

    before = lists()
    disliked = [found[0] for found in before]
    for name in (*disliked, "not in the library"):
        set_thumb(session.workspace, name, "down")
    assert not {name for found in lists() for name in found} & set(disliked)
    for name in disliked:
        set_thumb(session.workspace, name, None)
    assert lists() == before
    session.workspace.thumbs_path.unlink()
