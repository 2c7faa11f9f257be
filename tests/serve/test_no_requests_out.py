"""The server fetches no address that a client names: a server beside it waits for requests, and none comes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.builders.server import eventually, running
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


PARAMETERS = ("id", "url", "uri", "src", "q", "seed", "start", "end", "item_id", "artist", "next", "callback")
PATHS = ("/track", "/sound", "/pictures/cover", "/tracks", "/api/tracks", "/api/similar_tracks", "/login")


class Listener:
    """Counts connections."""

    def __init__(self) -> None:
        self.n_connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.n_connections += 1
                connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def outside() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def test_the_listener_counts(outside: Listener) -> None:
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(outside.url)
    assert eventually(lambda: outside.n_connections) == 1


def test_uploads_jobs_and_parameters_with_addresses(audio_world: Path, outside: Listener, tmp_path: Path) -> None:
    """Formats of FFmpeg that name other files (HLS, concat, DASH, SDP), lists, paths of jobs, and every parameter."""
    secret_file = tmp_path / "secret.txt"
    secret_file.write_text("the-secret")
    at = f"{outside.url}/a.mp3"
    uploads = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{at}\n#EXT-X-ENDLIST\n",
        "b.mp3": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{at}\n#EXT-X-ENDLIST\n",
        "c.wav": f"ffconcat version 1.0\nfile '{at}'\nfile '{secret_file}'\n",
        "d.mpd": f'<?xml version="1.0"?><MPD><BaseURL>{outside.url}/</BaseURL><Period/></MPD>',
        "e.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        "f.mp3": f"http://{at}",
        "g.xspf": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "{at}">]><playlist>&x;</playlist>',
    }
    root = shutil.copytree(audio_world / "workspace", tmp_path / "w")
    secret = make_key(Workspace.open(root), "phone")
    with running(ServeConfig(workspace=root, music_roots=(tmp_path,))) as url, httpx.Client(base_url=url) as client:
        for name, text in uploads.items():
            for path in ("/api/recommend", "/api/playlists/parse", "/drop"):
                answer = client.post(path, files={"file": (name, text.encode())}, timeout=120)
                assert answer.status_code < 500, (path, name, answer.text)
                assert "the-secret" not in answer.text
        for source in (at, f"file://{secret_file}", "s3://bucket/x", "ftp://127.0.0.1/x", "concat:/etc/passwd|x"):
            assert client.post("/api/jobs", json={"verb": "scan", "sources": [source]}).status_code == 403
            assert client.post("/start", data={"music": source}).status_code == 403
        for parameter in PARAMETERS:
            for path in PATHS:
                assert client.get(path, params={parameter: at}).status_code < 500
            for name in ("getCoverArt", "stream", "getSong", "search3", "getLyrics", "getSimilarSongs2"):
                assert client.get(f"/rest/{name}", params={"apiKey": secret, parameter: at}).status_code == 200
        headers = {"referer": at, "origin": url, "x-forwarded-host": at, "forwarded": f"host={at}"}
        assert client.get("/", headers=headers).status_code == 200
        absolute = client.build_request("GET", "/api/health/live")
        absolute.extensions["target"] = f"{at}".encode()  # a server is no proxy
        assert client.send(absolute).status_code in (400, 404)
    assert outside.n_connections == 0
