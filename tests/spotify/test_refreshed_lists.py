"""A refreshed list on Spotify: one playlist, replaced in place; what is missing there is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.spotify.stand_in import StandIn
from unheard.spotify.account import token_path
from unheard.workspace import Workspace


@pytest.fixture
def own(workspace: Workspace, tmp_path: Path) -> Path:
    """A copy of the workspace with a recipe whose list goes to Spotify."""
    copy = Path(shutil.copytree(workspace.root, tmp_path / "w"))
    words = ("--like", "t09-1", "-n", 4, "--title", "New for me", "--target", "spotify")
    assert run_command("playlists", "add", "new", "-w", copy, *words).code == 0
    return copy


def test_one_playlist_is_replaced_in_place(spotify: StandIn, own: Path) -> None:
    for artist in range(40):
        for number in range(7):
            spotify.add_song(f"Song {number}", f"Artist {artist}")
    lists = []
    for _ in range(2):
        ran = run_command("playlists", "refresh", "new", "-w", own)
        assert ran.code == 0, ran
        ((name, playlist),) = spotify.mine().items()
        assert name == "New for me"
        lists.append(set(playlist["uris"]))
    assert len(lists[0] | lists[1]) == 8


def test_a_persons_playlist_of_the_same_title_stays(spotify: StandIn, own: Path) -> None:
    """A title with two blanks, one that a person uses, and a rename on Spotify: one list of ours all the time."""
    for artist in range(40):
        for number in range(7):
            spotify.add_song(f"Song {number}", f"Artist {artist}")
    theirs = spotify.add_playlist("New for me", uris=("spotify:track:keep",), description="mine")
    before = dict(theirs)
    words = ("--like", "t09-1", "-n", 4, "--title", "New  for me", "--target", "spotify", "--force")
    assert run_command("playlists", "add", "new", "-w", own, *words).code == 0
    for _ in range(2):
        assert run_command("playlists", "refresh", "new", "-w", own).code == 0
        assert set(spotify.mine()) == {"New for me", "New for me (unheard)"}
        assert theirs == before
        ours = spotify.mine()["New for me (unheard)"]
        ours["name"] = "Renamed"
    words = ("--like", "t09-1", "-n", 4, "--title", "Other", "--target", "spotify", "--force")
    assert run_command("playlists", "add", "new", "-w", own, *words).code == 0
    assert run_command("playlists", "refresh", "new", "-w", own).code == 0
    assert spotify.mine() == {"New for me": theirs, "Other": ours}


def test_without_a_login_a_command_that_logs_in_is_named(spotify: StandIn, own: Path) -> None:
    token_path().unlink()
    ran = run_command("playlists", "refresh", "new", "-w", own)
    command = f"`unheard spotify -w {own} --seed-track TRACK_ID --dry-run`"
    assert f"new: spotify: not logged in to Spotify; run {command} once in a terminal with a browser" in ran.stderr


def test_a_list_of_which_nothing_is_found(spotify: StandIn, own: Path) -> None:
    ran = run_command("playlists", "refresh", "new", "-w", own)
    assert ran.code == 1
    assert "new: spotify: New for me: none of its 4 tracks is on Spotify; nothing is written" in ran.stderr
    assert spotify.mine() == {}
