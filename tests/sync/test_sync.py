"""Test a sync with our own server over real HTTP: ids, audio, playlists, stars, plays, and lists written back."""

from __future__ import annotations

import json
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
from unheard.plays.readers.m3u import MADE_BY_UNHEARD as MADE
from unheard.plays.storage import read_playlists, read_plays
from unheard.ratings import TRACK, rate, star
from unheard.saved_playlists import save_playlist, saved_playlists
from unheard.scan.scan import scan
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.sync.subsonic_client import KEY
from unheard.sync.sync_server import PLAYED
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

    def ids(self) -> set[str]:
        with Library(self.own.library_path) as library:
            return set(library.tracks().ids)


@pytest.fixture
def pair(music_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
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
    star(served, TRACK + "s1", starred=True)
    rate(served, TRACK + "s3", 1)
    add_listens(served, [Listen("s0", 1000.0, "play"), Listen("s0", 5000.0, "play"), Listen("s2", 9000.0, "play")])
    monkeypatch.setenv(KEY, make_key(served, "sync").secret)
    with running(ServeConfig(workspace=served.root)) as url:
        yield Pair(url, served, music, own)


def test_download_then_nothing_again(pair: Pair) -> None:
    ran = pair.sync()
    assert ran.code == 0, ran.stderr
    assert pair.ids() == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}
    plays = {(one.playlist_id, one.track_id): one.weight for one in read_plays(pair.own)}
    assert {track: weight for (name, track), weight in plays.items() if name == PLAYED} == {"tr-s0": 2.0, "tr-s2": 1.0}
    (evening,) = [one for one in read_playlists(pair.own) if one.name == "Evening"]
    assert [one.track_id for one in read_plays(pair.own) if one.playlist_id == evening.playlist_id] == [
        "tr-s2",
        "tr-s0",
    ]
    thumbs = [json.loads(line) for line in pair.own.thumbs_path.read_text().splitlines()]
    assert {one["track_id"]: one["thumb"] for one in thumbs} == {"tr-s1": "up", "tr-s3": "down"}
    files = {path: path.stat().st_mtime_ns for path in (pair.own.root / "sync" / "audio").iterdir()}
    again = pair.sync()
    assert again.code == 0, again.stderr
    assert "4 songs, 0 downloaded" in again.stderr
    assert "0 stars or ratings" in again.stderr
    assert files == {path: path.stat().st_mtime_ns for path in (pair.own.root / "sync" / "audio").iterdir()}


def test_an_interrupted_download_goes_on(pair: Pair) -> None:
    pair.sync()
    (whole,) = (pair.own.root / "sync" / "audio").glob("tr-s0.*")
    data = whole.read_bytes()
    whole.with_name(f".{whole.name}.partial").write_bytes(data[:1000])
    whole.unlink()
    with (pair.own.root / "sync" / "albums.jsonl").open("a") as file:
        file.write('{"id": "torn')
    assert "1 downloaded" in pair.sync().stderr
    assert whole.read_bytes() == data


def test_mapped_paths_download_nothing(pair: Pair) -> None:
    ran = pair.sync("--path-map", f"={pair.music}")
    assert ran.code == 0, ran.stderr
    assert pair.ids() == {"tr-s0", "tr-s1", "tr-s2", "tr-s3"}
    assert not (pair.own.root / "sync" / "audio").exists()


def test_lists_are_replaced_in_place(pair: Pair, tmp_path: Path) -> None:
    pair.sync("--path-map", f"={pair.music}")
    folder = tmp_path / "lists"
    folder.mkdir()
    (pair.own.root / "go.json").write_text(json.dumps({"folder": str(folder), "files": ["New for you.m3u8"]}))
    for names in (("1", "3"), ("2",)):
        paths = [str(path) for name in names for path in pair.music.rglob(f"{name}.flac")]
        (folder / "New for you.m3u8").write_text("\n".join(["#EXTM3U", "#UNHEARD", *paths]).replace("#UNHEARD", MADE))
        assert pair.sync("--path-map", f"={pair.music}", "--write-lists").code == 0
        found = [one for one in saved_playlists(pair.served)[0] if one.name == "New for you"]
        assert [one.track_ids for one in found] == [tuple(f"s{name}" for name in names)]
    assert "New for you" not in {one.name for one in read_playlists(pair.own)}


def test_a_wrong_key_is_one_line_without_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "wrong-secret")
    ran = pair.sync()
    assert ran.code == 2
    assert "refuses the login (error 44" in ran.stderr
    assert "wrong-secret" not in ran.stderr
