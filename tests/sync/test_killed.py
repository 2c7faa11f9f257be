"""Kill a sync with a signal that it cannot catch, and sync again: the result is that of a sync that nobody stopped.

Server and sync are processes, as they are in real life. Between them is a proxy that holds an answer back until the
sync is dead.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.builders.http_stand_in import served
from tests.builders.server import eventually
from tests.sync.conftest import Pair
from unheard.library import Library
from unheard.plays.list_marks import ABOUT
from unheard.plays.readers.m3u import MADE_BY_UNHEARD
from unheard.plays.storage import read_plays
from unheard.saved_playlists import saved_playlists
from unheard.thumbs import read_thumbs
from unheard.workspace import Workspace

pytestmark = pytest.mark.long
HEADERS = ("Content-Type", "Content-Length", "Content-Range", "ETag", "Last-Modified")


@dataclass
class Proxy:
    """Passes requests on. The first answer of `held` is held back: half of it is sent, of a small one nothing."""

    upstream: str
    held: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[str, str, int]] = field(default_factory=list)  # endpoint, Range, status
    url: str = ""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=60)
                connection.request(self.command, self.path, body or None, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                name = urlsplit(self.path).path.rpartition("/")[2]
                proxy.seen.append((name, self.headers.get("Range", ""), answer.status))
                is_held = name == proxy.held and not proxy.reached.is_set()
                sent = content[: len(content) // 2 if name == "download" else 0] if is_held else content
                if sent:
                    self.send_response(answer.status)
                    for header in HEADERS:
                        if answer.getheader(header):
                            self.send_header(header, str(answer.getheader(header)))
                    self.end_headers()
                    self.wfile.write(sent)
                if is_held:
                    self.wfile.flush()
                    proxy.reached.set()
                    proxy.over.wait(120)

            do_POST = do_GET  # noqa: N815 - the name that the server calls

        return Handler


@pytest.fixture
def proxy(unserved: Pair) -> Iterator[Proxy]:
    """A proxy before `unheard serve`, which runs in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["serve", "-w", str(unserved.served.root), "--port", str(port)]
    server = subprocess.Popen([sys.executable, "-m", "unheard", *command], stderr=subprocess.DEVNULL)
    try:
        made = Proxy(f"http://127.0.0.1:{port}")

        def ready() -> bool:
            try:
                return httpx.get(f"{made.upstream}/api/health/ready", timeout=60).status_code == 200
            except httpx.ConnectError:
                return False

        eventually(ready, limit_s=180)
        with served(made.handler()) as made.url:
            yield made
            made.over.set()
    finally:
        server.kill()
        server.wait()


def command_of(pair: Pair, proxy: Proxy, *more: str) -> list[str]:
    return [sys.executable, "-m", "unheard", "sync", "-w", str(pair.own.root), proxy.url, "-j", "1", *more]


def killed_at(pair: Pair, proxy: Proxy, held: str, *more: str) -> None:
    """Sync until the answer of an endpoint is held back, and kill the sync."""
    proxy.held = held
    sync = subprocess.Popen(command_of(pair, proxy, *more), stderr=subprocess.PIPE)
    try:
        eventually(lambda: proxy.reached.is_set() or sync.poll() is not None)
        assert proxy.reached.is_set()
        if held == "download":
            eventually(lambda: any(path.stat().st_size for path in parts(pair)))
    finally:
        sync.kill()
        sync.communicate()
        proxy.over.set()


def finish(pair: Pair, proxy: Proxy, *more: str) -> None:
    """Sync in a process of its own."""
    subprocess.run(command_of(pair, proxy, *more), check=True, stderr=subprocess.PIPE, timeout=120)


def parts(pair: Pair) -> list[Path]:
    return list((pair.own.root / "sync" / "audio").glob(".*.partial"))


def contents(workspace: Workspace) -> tuple[Any, ...]:
    """Return what a sync stores, without times and folders."""
    with Library(workspace.library_path) as library:
        tracks = [(one.track_id, one.content_hash, one.title, Path(one.path).name) for one in library.tracks().items]
    return tracks, list(read_plays(workspace)), [(one.track_id, one.thumb) for one in read_thumbs(workspace)]


def test_killed_in_the_middle_of_a_download(unserved: Pair, proxy: Proxy, tmp_path: Path) -> None:
    killed_at(unserved, proxy, "download")
    (part,) = parts(unserved)
    size = part.stat().st_size
    assert size > 1000
    proxy.seen.clear()
    finish(unserved, proxy)
    downloads = [one for one in proxy.seen if one[0] == "download"]
    assert downloads[0] == ("download", f"bytes={size}-", 206)
    assert [one[1:] for one in downloads[1:]] == [("", 200)] * 3
    whole = replace(unserved, own=Workspace.init(tmp_path / "whole"))
    finish(whole, proxy)
    assert contents(unserved.own) == contents(whole.own)
    names = {path.name for path in (unserved.own.root / "sync" / "audio").iterdir()}
    assert names == {path.name for path in (whole.own.root / "sync" / "audio").iterdir()}


@pytest.mark.parametrize("held", ["createPlaylist", "updatePlaylist"])
def test_killed_between_the_creation_of_a_playlist_and_its_note(
    unserved: Pair, proxy: Proxy, tmp_path: Path, held: str
) -> None:
    """The playlist is there, the sync does not know it; the next one finds it, and does not read it as a taste."""
    folder = tmp_path / "lists"
    folder.mkdir()
    tracks = sorted(unserved.music.rglob("*.flac"))[:2]
    lines = ["#EXTM3U", MADE_BY_UNHEARD, *map(str, tracks)]
    (folder / "New for you.m3u8").write_text("\n".join(lines))
    (unserved.own.root / "go.json").write_text(json.dumps({"folder": str(folder), "files": ["New for you.m3u8"]}))
    mapped = ("--path-map", f"={unserved.music}", "--write-lists")
    killed_at(unserved, proxy, held, *mapped)
    assert [one.name for one in saved_playlists(unserved.served)[0]] == ["My likes", "Evening", "New for you"]
    finish(unserved, proxy, *mapped)
    (written,) = [one for one in saved_playlists(unserved.served)[0] if one.name == "New for you"]
    assert (len(written.track_ids), written.comment) == (2, ABOUT)
    assert "New for you" not in unserved.playlists()
