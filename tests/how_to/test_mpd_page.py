"""The commands of docs/how-to/mpd.md, with a real daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.music_player_daemon import move_library, running
from tests.how_to.pages import run_page


def test_the_commands_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mpd", reason="python-mpd2 is not installed")
    move_library(folder / "W", folder / "mpd" / "music")
    monkeypatch.setenv("MPD_HOST", str(folder / "mpd" / "socket"))
    with running(folder / "mpd") as daemon:
        names = {
            "PLAYLIST": "p00",
            "TRACK_ID": "t09-1",
            "MUSIC_DIRECTORY": str(daemon.music),
            "PLAYLIST_DIRECTORY/": f"{daemon.playlists}/",
        }
        run_page("mpd.md", names)
        assert daemon.names() == ["Night drive", "quiet"]
        for name in daemon.names():
            daemon.client.load(name)
        assert len(daemon.client.playlistinfo()) > 30
