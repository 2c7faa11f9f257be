"""Fixtures: a workspace with music to serve, and an empty one that syncs with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builders.command_line import Ran, run_command
from tests.builders.server import running
from unheard.library import Library
from unheard.play_history import Listen, add_listens
from unheard.plays.storage import read_playlists
from unheard.ratings import TRACK, rate, star
from unheard.saved_playlists import save_playlist
from unheard.scan.scan import scan
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.sync.subsonic_client import KEY, SubsonicClient
from unheard.workspace import Workspace


@dataclass(frozen=True)
class Pair:
    """A served workspace, its address and its music, and an empty workspace that syncs."""

    url: str
    served: Workspace
    music: Path
    own: Workspace

    def sync(self, *more: object) -> Ran:
        return run_command("sync", "-w", self.own.root, self.url, "-j", 1, *more)

    def ids(self, *, with_file: bool = False) -> set[str]:
        """Return the ids of the tracks here; `with_file`: of those that the server still has."""
        with Library(self.own.library_path) as library:
            return {track.track_id for track in library.tracks().items if not (with_file and track.gone_since)}

    def client(self) -> SubsonicClient:
        """Return a client with the login of the environment."""
        return SubsonicClient.from_environment(self.url)

    def downloads(self) -> list[Path]:
        """Return the downloaded files."""
        return sorted((self.own.root / "sync" / "audio").glob("tr-*"))

    def playlists(self) -> set[str]:
        """Return the names of the playlists here."""
        return {one.name for one in read_playlists(self.own)}


@pytest.fixture
def unserved(music_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """A pair whose server does not run; the environment has a key for it."""
    music = tmp_path / "music"
    rng = np.random.default_rng(0)
    rows = ["track_id,path,title,artist,album"]
    for k in range(4):
        path = music / f"Artist {k % 2}" / "First" / f"{k}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(16000 * 5), 16000)
        rows.append(f"s{k},{path},Song {k},Artist {k % 2},First")
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows))
    shutil.copytree(music_world, tmp_path / "served")  # has a model; its own tracks have no files
    served, own = Workspace.open(tmp_path / "served"), Workspace.init(tmp_path / "own")
    with Library(served.library_path) as library, library.transaction():
        for track in library.tracks().items:
            library.put_track(replace(track, gone_since="2026-01-01"))
    assert scan(served, [table], jobs=1).added == 4
    save_playlist(served, "Evening", ["s2", "s0"])
    star(served, [TRACK + "s1"], starred=True)
    rate(served, TRACK + "s3", 1)
    add_listens(served, [Listen("s0", 1000.0, "play"), Listen("s0", 5000.0, "play"), Listen("s2", 9000.0, "play")])
    monkeypatch.setenv(KEY, make_key(served, "sync", salted=True))
    return Pair("", served, music, own)


@pytest.fixture
def pair(unserved: Pair) -> Iterator[Pair]:
    with running(ServeConfig(workspace=unserved.served.root)) as url:
        yield replace(unserved, url=url)
