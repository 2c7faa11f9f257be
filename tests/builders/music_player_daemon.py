"""Run a real Music Player Daemon, Debian's package `mpd`, on a socket of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders.server import eventually
from tests.ingest.sounds import song, write
from unheard.library import Library

PROGRAM = shutil.which("mpd") or ""
START_S = 20.0


@dataclass
class Daemon:
    """A running daemon. Its folders are below `root`; `client` is connected to it."""

    root: Path
    client: Any

    @property
    def music(self) -> Path:
        return self.root / "music"

    @property
    def playlists(self) -> Path:
        return self.root / "playlists"

    @property
    def socket(self) -> Path:
        return self.root / "socket"

    def uris(self, name: str) -> list[str]:
        """Return the tracks of a stored playlist."""
        return [str(one) for one in self.client.listplaylist(name)]

    def names(self) -> list[str]:
        """Return the names of the stored playlists."""
        return sorted(one["playlist"] for one in self.client.listplaylists())

    def update(self) -> None:
        """Read the files of the music folder."""
        self.client.update()
        eventually(lambda: "updating_db" not in self.client.status(), limit_s=START_S)


@contextmanager
def running(root: Path) -> Iterator[Daemon]:
    """Run a daemon over the files of `root`/music; skip the test where mpd or python-mpd2 is missing."""
    mpd = pytest.importorskip("mpd", reason="python-mpd2 is not installed")
    if not PROGRAM:
        pytest.skip("mpd is not installed (apt-get install mpd)")
    root.mkdir(parents=True, exist_ok=True)
    for name in ("music", "playlists"):
        (root / name).mkdir(exist_ok=True)
    settings = root / "mpd.conf"
    settings.write_text(
        f'music_directory "{root}/music"\nplaylist_directory "{root}/playlists"\ndb_file "{root}/database"\n'
        f'bind_to_address "{root}/socket"\naudio_output {{\n type "null"\n name "none"\n}}\n'
    )
    with (root / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "--no-daemon", "--stderr", settings], stdout=log, stderr=log)
    client = mpd.MPDClient()
    try:

        def listens() -> bool:
            if process.poll() is not None:
                pytest.skip(f"mpd does not start here: {(root / 'log').read_text()[-300:]}")
            with socket.socket(socket.AF_UNIX) as tried:  # python-mpd2 leaves a socket open that it cannot connect
                return tried.connect_ex(str(root / "socket")) == 0

        eventually(listens, limit_s=START_S)
        client.connect(str(root / "socket"))
        daemon = Daemon(root, client)
        daemon.update()
        yield daemon
    finally:
        client.disconnect()
        process.terminate()
        process.wait(timeout=30)


def move_library(workspace: Path, music: Path) -> None:
    """Let every track of the small music world be a file below `music`, all with the same sound."""
    music.mkdir(parents=True, exist_ok=True)
    sound = write(music.parent / "sound.flac", song(1, 1.0))
    with Library(workspace / "library.sqlite") as library, library.transaction():
        for track in library.tracks().items:
            path = music / Path(track.path).relative_to("/music")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(sound)
            library.put_track(replace(track, path=str(path)))
