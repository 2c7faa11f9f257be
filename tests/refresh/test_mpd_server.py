"""Lists for a real Music Player Daemon: through its protocol, and as files in its playlist folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.builders.music_player_daemon import Daemon, move_library, running
from unheard.errors import UnheardError, UserError
from unheard.library import Track
from unheard.refresh.mpd_server import write_stored_playlist
from unheard.workspace import Workspace


@pytest.fixture
def daemon(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon with the files of the library; commands find its socket."""
    pytest.importorskip("mpd", reason="python-mpd2 is not installed")
    move_library(workspace.root, tmp_path / "mpd" / "music")
    monkeypatch.setenv("MPD_HOST", str(tmp_path / "mpd" / "socket"))
    with running(tmp_path / "mpd") as started:
        yield started


def tracks(daemon: Daemon, *names: str) -> list[Track]:
    return [Track(name, str(daemon.music / name), name) for name in names]


def test_a_refreshed_list_is_a_stored_playlist(workspace: Workspace, daemon: Daemon) -> None:
    words = ("--like", "t09-1", "-n", 4, "--title", "Night: drive", "--target", "mpd")
    assert run_command("playlists", "add", "a", "-w", workspace.root, *words).code == 0
    lists = []
    for _ in range(2):
        ran = run_command("playlists", "refresh", "a", "-w", workspace.root)
        assert (ran.code, ran.stderr.strip()) == (0, "a: mpd: 4 tracks, 0 of recent lists")
        assert daemon.names() == ["Night- drive"]
        lists.append(daemon.uris("Night- drive"))
    assert len({*lists[0], *lists[1]}) == 8
    daemon.client.load("Night- drive")  # the daemon finds every file
    assert [one["file"] for one in daemon.client.playlistinfo()] == lists[1]


def test_files_in_the_playlist_folder(workspace: Workspace, daemon: Daemon) -> None:
    words = ("--like", "t09-1", "-n", 5, "--target", f"{daemon.playlists}/", "--music-directory", daemon.music)
    assert run_command("playlists", "add", "files", "-w", workspace.root, *words).code == 0
    assert run_command("playlists", "refresh", "files", "-w", workspace.root).code == 0
    assert daemon.names() == ["files"]
    daemon.client.load("files")
    assert len(daemon.client.playlistinfo()) == 5


def test_what_the_daemon_does_not_have_is_left_out(daemon: Daemon) -> None:
    there = sorted(path.relative_to(daemon.music).as_posix() for path in daemon.music.rglob("*.flac"))[:2]
    outside = Track("x", "/elsewhere/x.flac", "outside")
    done = write_stored_playlist("a", [*tracks(daemon, there[0], "gone.flac", there[1]), outside, Track("y")], None)
    assert (done.n_tracks, done.left_out) == (2, ("gone.flac", "outside", "y"))
    assert daemon.uris("a") == there
    with pytest.raises(UserError, match="none of the 1 tracks is in MPD's database"):
        write_stored_playlist("b", [outside], daemon.music)
    assert daemon.names() == ["a"]


def test_lists_of_people_stay_and_old_names_go(daemon: Daemon) -> None:
    (first, *_) = sorted(path.relative_to(daemon.music).as_posix() for path in daemon.music.rglob("*.flac"))
    daemon.client.playlistadd("Mine", first)
    daemon.client.playlistadd("Mine (unheard) (being written)", first)  # of a call that was interrupted
    done = write_stored_playlist("Mine", tracks(daemon, first), None)
    assert (done.name, daemon.names()) == ("Mine (unheard)", ["Mine", "Mine (unheard)"])
    again = write_stored_playlist("New name", tracks(daemon, first, first), None, before=done.name)
    assert (again.name, daemon.names()) == ("New name", ["Mine", "New name"])
    assert daemon.uris("New name") == [first, first]


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpd", reason="python-mpd2 is not installed")
    monkeypatch.setenv("MPD_HOST", "secret@127.0.0.1")
    monkeypatch.setenv("MPD_PORT", "9")
    with pytest.raises(UnheardError, match="cannot be used"):
        write_stored_playlist("a", [], Path(os.sep))
    monkeypatch.setenv("MPD_PORT", "x")
    with pytest.raises(UserError, match="MPD_PORT=x: expected a number"):
        write_stored_playlist("a", [], Path(os.sep))
