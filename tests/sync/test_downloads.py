"""Continue downloads against a server over real HTTP whose file changes, or which cannot send parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.builders.http_stand_in import served
from unheard.progress import silent
from unheard.sync import audio_cache
from unheard.sync.audio_cache import audio_of, cached_path, remove_others
from unheard.sync.subsonic_client import SubsonicClient

OLD, NEW = bytes(range(256)) * 40, bytes(reversed(range(256))) * 40
SONG = {"id": "s1", "size": len(OLD), "suffix": "flac", "duration": 5}


@dataclass
class FileServer:
    """Sends one file: how, and which requests came.

    kind   what it does with Range: "if-range" checks the validator, "any" joins whatever is asked for, "none" sends all
    stops  number of bytes after which the next answer breaks off
    says_length  whether an answer has a Content-Length
    """

    content: bytes = OLD
    etag: str = '"1"'
    kind: str = "if-range"
    stops: int | None = None
    says_length: bool = True
    ranges: list[str] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                if not self.path.startswith("/rest/download"):
                    self.send_error(404)
                    return
                asked = self.headers.get("Range", "")
                server.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                same = self.headers.get("If-Range") == server.etag
                if server.kind == "none" or (server.kind == "if-range" and not same):
                    start = 0
                total = len(server.content)
                if start >= total:
                    self.send_error(416)
                    return
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                if server.etag:
                    self.send_header("ETag", server.etag)
                if server.says_length:
                    self.send_header("Content-Length", str(total - start))
                self.end_headers()
                self.wfile.write(server.content[start:][: server.stops])
                server.stops = None

        return Handler


@dataclass
class World:
    server: FileServer
    client: SubsonicClient
    folder: Path

    def download(self) -> tuple[bytes, list[str]]:
        """Return the downloaded file, and the ranges that were asked for."""
        self.server.ranges.clear()
        problems: list[str] = []
        found, _ = audio_of(self.client, {"s1": SONG}, self.folder, (), problems, silent, download=True)
        assert problems == []
        return found["s1"].read_bytes(), list(self.server.ranges)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = FileServer()
    with served(server.handler()) as url:
        yield World(server, SubsonicClient(url, dict, sleep=lambda _: None), tmp_path / "audio")


def test_a_download_that_breaks_off_goes_on_in_the_same_sync(world: World) -> None:
    world.server.stops = 3000
    assert world.download() == (OLD, ["", "bytes=3000-"])
    assert [path.name for path in world.folder.iterdir()] == [cached_path(world.folder, SONG).name]


def test_one_that_broke_off_before_goes_on(world: World) -> None:
    part_of(world, 3000)
    assert world.download() == (OLD, ["bytes=3000-"])


@pytest.mark.parametrize("kind", ["if-range", "any"])
@pytest.mark.parametrize("new", [NEW, NEW[:2000], NEW + NEW])
def test_a_part_of_a_file_that_has_changed_is_thrown_away(world: World, kind: str, new: bytes) -> None:
    """Also if the server joins whatever it is asked for, and if the new file is shorter than the part."""
    part_of(world, 3000)
    world.server.kind, world.server.content, world.server.etag = kind, new, '"2"'
    assert world.download()[0] == new


def test_without_a_validator_a_part_is_not_continued(world: World) -> None:
    world.server.etag = ""
    part_of(world, 3000)
    assert world.download() == (OLD, [""])


def test_a_weak_validator_is_none(world: World) -> None:
    world.server.etag = 'W/"1"'
    part_of(world, 3000)
    assert world.download() == (OLD, [""])


def test_a_server_that_sends_all(world: World) -> None:
    part_of(world, 3000)
    world.server.kind = "none"
    assert world.download() == (OLD, ["bytes=3000-"])


def test_a_part_without_its_validator_is_not_continued(world: World) -> None:
    part_of(world, 3000)
    next(world.folder.glob("*.validator")).unlink()
    assert world.download() == (OLD, [""])


def test_another_size_on_the_server_is_another_file(world: World) -> None:
    world.download()
    changed = {**SONG, "size": len(NEW) + 1}  # a server may send another size than it names
    world.server.content = NEW
    for n_downloads in (1, 0):
        found, n = audio_of(world.client, {"s1": changed}, world.folder, (), [], silent, download=True)
        assert (found["s1"].read_bytes(), n) == (NEW, n_downloads)
    assert remove_others(world.folder, {"s1": changed}, set()) == 1
    assert list(world.folder.iterdir()) == [found["s1"]]


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_that_is_too_large_is_left_out(world: World, monkeypatch: pytest.MonkeyPatch, says_length: bool) -> None:
    """Nothing of it stays, and nothing is read of one whose length the server says."""
    monkeypatch.setattr(audio_cache, "MAX_FILE_BYTES", len(OLD) - 1)
    world.server.says_length = says_length
    problems: list[str] = []
    assert audio_of(world.client, {"s1": SONG}, world.folder, (), problems, silent, download=True) == ({}, 0)
    (problem,) = problems
    assert problem.startswith("download of s1: the file has more than 10,239 bytes; ")
    assert list(world.folder.iterdir()) == []
    monkeypatch.setattr(audio_cache, "MAX_FILE_BYTES", len(OLD))
    assert world.download() == (OLD, [""])


def part_of(world: World, n_bytes: int) -> None:
    """Leave a part of a download, as a server does that breaks off three times in a row."""
    path = cached_path(world.folder, SONG)
    part = path.with_name(f".{path.name}.partial")
    client = SubsonicClient(world.client.url, dict, sleep=lambda _: setattr(world.server, "stops", 0))
    world.server.stops = n_bytes
    problems: list[str] = []
    audio_of(client, {"s1": SONG}, world.folder, (), problems, silent, download=True)
    assert len(problems) == 1
    if world.server.etag.startswith('"'):
        assert part.read_bytes() == OLD[:n_bytes]
