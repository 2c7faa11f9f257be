"""Loved and hated tracks of a ListenBrainz user as thumbs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.command_line import run_command
from tests.listenbrainz.stand_in import USER, StandIn
from unheard.errors import UnheardError
from unheard.library import Track, open_library
from unheard.listenbrainz.client import ListenBrainz
from unheard.listenbrainz.loved_hated import read_feedback_of
from unheard.thumbs import read_thumbs, set_thumb
from unheard.workspace import Workspace


def tracks_of(workspace: Workspace) -> list[Track]:
    with open_library(workspace.library_path) as library:
        return [track for track in library.tracks().items if track.artists and not track.gone_since][:6]


def named(track: Track) -> dict[str, Any]:
    return {"artist_name": track.artists[0], "track_name": track.title}


def thumbs(workspace: Workspace) -> dict[str, str]:
    return {one.track_id: one.thumb for one in read_thumbs(workspace)}


def test_what_changes_there_changes_here_and_nothing_else(
    workspace: Workspace, server: StandIn, api: ListenBrainz
) -> None:
    """A table of what happens there and here, and the thumbs after each read."""
    a, b, c, *_ = tracks_of(workspace)
    server.per_page = 2  # several pages
    server.love(named(a), 1)
    server.love(named(b), -1)
    server.love({"artist_name": "Nobody", "track_name": "In no library"}, 1)
    assert read_feedback_of(workspace, api, USER) == 2
    assert thumbs(workspace) == {a.track_id: "up", b.track_id: "down"}
    assert read_feedback_of(workspace, api, USER) == 0
    set_thumb(workspace, a.track_id, "down")  # a person, here
    set_thumb(workspace, c.track_id, "up")
    assert read_feedback_of(workspace, api, USER) == 0
    assert thumbs(workspace) == {a.track_id: "down", b.track_id: "down", c.track_id: "up"}
    server.love(named(b), 0)
    server.love(named(c), -1)
    server.love(named(a), 0)  # loved there no more, but the thumb here is another one
    assert read_feedback_of(workspace, api, USER) == 2
    assert thumbs(workspace) == {a.track_id: "down", c.track_id: "down"}


def test_music_that_is_scanned_later_gets_its_thumb(workspace: Workspace, server: StandIn, api: ListenBrainz) -> None:
    server.love({"artist_name": "Late", "track_name": "Comer"}, 1)
    assert read_feedback_of(workspace, api, USER) == 0
    with open_library(workspace.library_path) as library, library.transaction():
        library.put_track(Track("late", path="/late.flac", title="Comer", artists=("Late",)))
    assert read_feedback_of(workspace, api, USER) == 1
    assert thumbs(workspace) == {"late": "up"}


def test_the_command_tells_it_and_leaves_thumbs_of_others(workspace: Workspace, server: StandIn) -> None:
    server.listen(1000, "T")
    server.love(named(tracks_of(workspace)[0]), 1)
    ran = run_command("listenbrainz", "-w", workspace.root, "--user", USER)
    assert (ran.code, thumbs(workspace)) == (0, {})
    ran = run_command("listenbrainz", "-w", workspace.root)
    assert "1 thumbs changed by what a person loves and hates" in ran.stderr
    assert len(thumbs(workspace)) == 1


def test_an_unknown_user_and_a_broken_answer(workspace: Workspace, server: StandIn, api: ListenBrainz) -> None:
    with pytest.raises(UnheardError, match="no user 'nobody'"):
        read_feedback_of(workspace, api, "nobody")
    server.feedback = [{"recording_msid": 1, "score": 7}, {"score": 1, "track_metadata": "x", "recording_msid": ""}]
    assert read_feedback_of(workspace, api, USER) == 0
