"""Test what a sync does with errors of a server, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from unheard.errors import UserError
from unheard.progress import silent
from unheard.sync.read_server import read_songs
from unheard.sync.subsonic_client import NoAnswerError, SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_state import SyncState, folder_of
from unheard.workspace import Workspace


class StandIn(ThreadingHTTPServer):
    """Answers each endpoint, or endpoint and id, with a status and a body; SLOW waits until the test ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = parts.path.rpartition("/")[2]
        given = parse_qs(parts.query).get("id", [""])[0]
        self.server.asked.append(f"{name} {given}".strip())
        status, body = self.server.answers.get(f"{name} {given}") or self.server.answers.get(name) or (404, "")
        if body == "SLOW":
            self.server.over.wait(30)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def client_of(server: StandIn, timeout_s: float = 10.0) -> SubsonicClient:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    return SubsonicClient(address, lambda: {"apiKey": "secret-key"}, sleep=lambda _: None, timeout_s=timeout_s)


def ok(**content: object) -> tuple[int, str]:
    return 200, json.dumps({"subsonic-response": {"status": "ok", **content}})


def failed(code: int) -> tuple[int, str]:
    error = {"code": code, "message": "no"}
    return 200, json.dumps({"subsonic-response": {"status": "failed", "error": error}})


@pytest.mark.parametrize("answer", [(401, ""), failed(40), failed(44)])
def test_a_refused_login_is_asked_once(stand_in: StandIn, answer: tuple[int, str]) -> None:
    stand_in.answers["ping"] = answer
    with pytest.raises(UserError, match="refuses the login") as found:
        client_of(stand_in).get("ping")
    assert "secret-key" not in str(found.value)
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize("body", ["{", "<html>", "[]", '{"subsonic-response": 1}', ""])
def test_a_broken_answer_is_one_error(stand_in: StandIn, body: str) -> None:
    stand_in.answers["ping"] = (200, body)
    with pytest.raises(SubsonicAnswerError, match="not JSON of a Subsonic server"):
        client_of(stand_in).get("ping")


def test_an_error_of_the_server_is_asked_again(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (500, "")
    with pytest.raises(NoAnswerError, match="answers 500"):
        client_of(stand_in).get("ping")
    assert len(stand_in.asked) == 3


def test_a_slow_server_is_given_up(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (200, "SLOW")
    with pytest.raises(NoAnswerError, match="no answer") as found:
        client_of(stand_in, timeout_s=0.1).get("ping")
    assert "secret-key" not in str(found.value)


def test_the_login_is_not_sent_to_another_host(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (302, f"http://localhost:{stand_in.server_address[1]}/rest/ping")
    with pytest.raises(UserError, match="redirects to"):
        client_of(stand_in).get("ping")
    assert len(stand_in.asked) == 1


def test_a_redirect_on_the_same_host_is_followed(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (302, f"http://127.0.0.1:{stand_in.server_address[1]}/rest/other")
    stand_in.answers["other"] = ok(version="1.16.1")
    assert client_of(stand_in).get("ping")["version"] == "1.16.1"


def test_one_bad_album_does_not_stop_the_others_and_is_read_the_next_time(stand_in: StandIn, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    folder_of(workspace).mkdir()
    albums = [{"id": name, "name": name, "songCount": 1} for name in ("a", "b", "c")]
    stand_in.answers["getAlbumList2"] = ok(albumList2={"album": albums})  # and no getScanStatus
    for name in ("a", "c"):
        stand_in.answers[f"getAlbum {name}"] = ok(album={"id": name, "song": [{"id": f"{name}1", "title": "T"}]})
    stand_in.answers["getAlbum b"] = (500, "")
    problems: list[str] = []
    state = SyncState()
    found = read_songs(workspace, client_of(stand_in), state, problems, silent, again=False)
    assert set(found) == {"a1", "c1"}
    assert len(problems) == 1
    stand_in.answers["getAlbum b"] = ok(album={"id": "b", "song": {"id": 7, "title": "of an old server"}})
    stand_in.asked.clear()
    found = read_songs(workspace, client_of(stand_in), state, [], silent, again=False)
    assert set(found) == {"a1", "7", "c1"}
    assert [one for one in stand_in.asked if one.startswith("getAlbum ")] == ["getAlbum b"]
