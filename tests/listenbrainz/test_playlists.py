"""Playlists on ListenBrainz: created, replaced in place, repaired after interruptions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.listenbrainz.stand_in import BROKEN, StandIn
from unheard.errors import UnheardError, UserError
from unheard.library import Library, Track
from unheard.listenbrainz.client import ListenBrainz
from unheard.listenbrainz.submitted_playlists import RECORDING, submit_playlist
from unheard.workspace import Workspace


def mbid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def tracks(*numbers: int) -> list[Track]:
    return [Track(f"t{one}", title=f"Song {one}", artists=("Somebody",), mbid=mbid(one)) for one in numbers]


def uris(*numbers: int) -> list[str]:
    return [RECORDING + mbid(one) for one in numbers]


def test_created_then_replaced_in_place(server: StandIn, api: ListenBrainz) -> None:
    first = submit_playlist(api, "Mornings", tracks(1, 2, 3))
    assert server.tracks(first.mbid) == uris(1, 2, 3)
    second = submit_playlist(api, "Evenings", tracks(4, 1), first.mbid)
    assert (second.mbid, second.n_tracks) == (first.mbid, 2)
    assert server.tracks(first.mbid) == uris(4, 1)
    assert [one["title"] for one in server.playlists.values()] == ["Evenings"]
    assert server.playlists[first.mbid]["extension"]["https://musicbrainz.org/doc/jspf#playlist"] == {"public": False}


def test_long_lists_are_added_in_parts(server: StandIn, api: ListenBrainz) -> None:
    numbers = list(range(250))
    first = submit_playlist(api, "Long", tracks(*numbers))
    submit_playlist(api, "Long", tracks(*reversed(numbers)), first.mbid)
    assert server.tracks(first.mbid) == uris(*reversed(numbers))
    assert len(server.asked("POST", f"/1/playlist/{first.mbid}/item/add/")) == 3


def test_a_playlist_that_a_person_deleted_is_made_again(server: StandIn, api: ListenBrainz) -> None:
    first = submit_playlist(api, "Mornings", tracks(1))
    server.playlists = {mbid(99): server.playlists.pop(first.mbid) | {"annotation": "by a person"}}
    again = submit_playlist(api, "Mornings", tracks(1), first.mbid)
    assert set(server.playlists) == {mbid(99), again.mbid}


def test_a_lost_answer_makes_no_second_playlist(server: StandIn, api: ListenBrainz) -> None:
    server.refuse = {2: (BROKEN, {})}  # after the token and the playlists of the user
    with pytest.raises(UnheardError, match=r"POST /1/playlist/create: no answer"):
        submit_playlist(api, "Mornings", tracks(1, 2))
    assert len(server.playlists) == 1
    submit_playlist(api, "Mornings", tracks(3))
    ((only, _),) = server.playlists.items()
    assert server.tracks(only) == uris(3)


@pytest.mark.parametrize("at", range(1, 4))
def test_an_interrupted_replacement_is_repaired(server: StandIn, api: ListenBrainz, at: int) -> None:
    """It breaks at a request after the first, which reads the playlist; the playlist is never empty."""
    known = submit_playlist(api, "Long", tracks(*range(150))).mbid
    server.refuse = {at: (503, {})}
    with pytest.raises(UnheardError, match="answers 503"):
        submit_playlist(api, "Long", tracks(*range(200, 350)), known)
    assert len(server.tracks(known)) >= 150
    submit_playlist(api, "Long", tracks(*range(200, 350)), known)
    assert server.tracks(known) == uris(*range(200, 350))


def test_recordings_are_looked_up_by_name(server: StandIn, api: ListenBrainz) -> None:
    right = {"artist_credit_name": "Somebody feat. Else", "recording_name": "SONG 1", "recording_mbid": mbid(7)}
    server.recordings[("somebody", "song 1 (remastered 2011)")] = right
    server.recordings[("somebody", "song 2")] = right | {"recording_name": "Another song"}
    listed = [
        Track("a", title="Song 1 (Remastered 2011)", artists=("Somebody",)),
        Track("b", title="Song 2", artists=("Somebody",)),
        Track("c", title="Song 3", artists=("Somebody",), mbid="not a uuid"),
        Track("d", title="No artist"),
    ]
    done = submit_playlist(api, "Mornings", listed)
    assert server.tracks(done.mbid) == uris(7)
    assert done.left_out == ("Somebody - Song 2", "Somebody - Song 3", "No artist")
    with pytest.raises(UserError, match="none of its 3 tracks is known to MusicBrainz; nothing is written"):
        submit_playlist(api, "Others", listed[1:])


def test_a_refreshed_list(workspace: Workspace, server: StandIn, tmp_path: Path) -> None:
    with Library(workspace.library_path) as library, library.transaction():
        for number, track in enumerate(library.tracks().items):
            library.put_track(replace(track, mbid=mbid(number)))
    words = ("--like", "t09-1", "-n", 4, "--title", "New", "--target", "listenbrainz")
    assert run_command("playlists", "add", "new", "-w", workspace.root, *words).code == 0
    lists = []
    for _ in range(2):
        assert run_command("playlists", "refresh", "new", "-w", workspace.root).code == 0
        ((only, _),) = server.playlists.items()
        lists.append(server.tracks(only))
    assert [len(one) for one in lists] == [4, 4]
    assert not set(lists[0]) & set(lists[1])
