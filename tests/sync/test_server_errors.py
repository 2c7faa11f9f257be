"""Test what a sync does with errors of a server, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import soundfile

from unheard.errors import UserError
from unheard.library import Library
from unheard.plays.list_marks import ABOUT
from unheard.plays.storage import read_plays
from unheard.progress import silent
from unheard.sync.audio_cache import path_map
from unheard.sync.read_server import read_lists, read_songs
from unheard.sync.subsonic_client import EXTENSIONS, NoAnswerError, SubsonicAnswerError, SubsonicClient
from unheard.sync.sync_server import sync
from unheard.sync.sync_state import SyncState, folder_of
from unheard.thumbs import read_thumbs
from unheard.workspace import Workspace


class StandIn(ThreadingHTTPServer):
    """Answers each endpoint, or endpoint and id, with a status and a body; SLOW waits until the test ends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.asked_extensions = 0
        self.paths: list[str] = []
        self.forms: list[str] = []
        self.over = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = parts.path.rpartition("/")[2]
        query = parse_qs(parts.query)
        given = query.get("id", query.get("offset", [""]))[0]
        if name == EXTENSIONS:
            assert "secret-key" not in parts.query
            self.server.asked_extensions += 1
            status, body = self.server.answers.get(name, (404, ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())
            return
        self.server.asked.append(f"{name} {given}".strip())
        status, body = self.server.answers.get(f"{name} {given}") or self.server.answers.get(name) or (404, "")
        if body == "SLOW":
            self.server.over.wait(30)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body)
        if status == 429:
            self.send_header("Retry-After", "3")
        self.end_headers()
        self.wfile.write(body.encode())

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.forms.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

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
        client_of(stand_in).read("ping")
    assert "secret-key" not in str(found.value)
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize("body", ["{", "<html>", "[]", '{"subsonic-response": 1}', ""])
def test_a_broken_answer_is_one_error(stand_in: StandIn, body: str) -> None:
    stand_in.answers["ping"] = (200, body)
    with pytest.raises(SubsonicAnswerError, match="not JSON of a Subsonic server"):
        client_of(stand_in).read("ping")


def test_a_server_that_is_busy_is_asked_when_it_says(stand_in: StandIn) -> None:
    stand_in.answers["createPlaylist"] = (429, "")
    waits: list[float] = []
    client = replace(client_of(stand_in), sleep=waits.append)
    with pytest.raises(NoAnswerError, match="answers 429"):
        client.change("createPlaylist")  # it did nothing, so it may be asked again
    assert waits == [4.0, 4.0]
    stand_in.answers["createPlaylist"] = (503, "")
    stand_in.asked.clear()
    with pytest.raises(NoAnswerError, match="answers 503"):
        client.change("createPlaylist")  # it may have made one
    assert len(stand_in.asked) == 1


def test_an_error_of_the_server_is_asked_again(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (500, "")
    with pytest.raises(NoAnswerError, match="answers 500"):
        client_of(stand_in).read("ping")
    assert len(stand_in.asked) == 3


def test_a_slow_server_is_given_up(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (200, "SLOW")
    with pytest.raises(NoAnswerError, match="no answer") as found:
        client_of(stand_in, timeout_s=0.1).read("ping")
    assert "secret-key" not in str(found.value)


def test_the_login_is_not_sent_to_another_host(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (302, f"http://localhost:{stand_in.server_address[1]}/rest/ping")
    with pytest.raises(UserError, match="redirects to"):
        client_of(stand_in).read("ping")
    assert len(stand_in.asked) == 1


def test_a_redirect_is_named_without_the_login(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = (302, "https://music.example.org/sub/rest/ping?apiKey=secret-key")
    with pytest.raises(UserError, match=r"redirects to https://music\.example\.org/sub; give that address") as found:
        client_of(stand_in).read("ping")
    assert "secret-key" not in str(found.value)


def test_extensions_are_asked_once_and_without_them_requests_are_gets(stand_in: StandIn) -> None:
    stand_in.answers["ping"] = ok()
    client = client_of(stand_in)
    client.read("ping")
    client.read("ping")
    assert not client.has_forms
    assert stand_in.asked_extensions == 1


def test_with_forms_no_address_has_the_login(stand_in: StandIn) -> None:
    stand_in.answers[EXTENSIONS] = ok(openSubsonicExtensions=[{"name": "formPost", "versions": [1]}])
    stand_in.answers["ping"] = ok()
    client_of(stand_in).read("ping")
    assert stand_in.forms == ["apiKey=secret-key&v=1.16.1&c=unheard&f=json"]
    assert stand_in.paths == ["/rest/ping"]


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


def test_playlists_of_other_users_are_read_if_asked_for(stand_in: StandIn) -> None:
    listed = [
        {"id": "1", "name": "mine", "owner": "Me"},
        {"id": "2", "name": "theirs", "owner": "you", "public": True},
        {"id": "3", "name": "made", "owner": "me", "comment": f"{ABOUT} Thank you."},
        {"id": "4", "name": "old"},
    ]
    stand_in.answers["getPlaylists"] = ok(playlists={"playlist": listed})
    stand_in.answers["getPlaylist"] = ok(playlist={"entry": [{"id": "s"}]})
    stand_in.answers["tokenInfo"] = ok(tokenInfo={"username": "me"})
    for others, expected in ((False, ["mine", "old"]), (True, ["mine", "old", "theirs"]), (False, ["mine", "old"])):
        state = SyncState()
        read_lists(client_of(stand_in), state, [], again=False, others=others)
        assert sorted(one["name"] for one in state.playlists.values()) == expected


def test_a_key_without_a_name_says_what_to_do(stand_in: StandIn) -> None:
    stand_in.answers["getPlaylists"] = ok(playlists={"playlist": [{"id": "1", "name": "a", "owner": "me"}]})
    with pytest.raises(UserError, match=r"whose key this is \(tokenInfo\).*--others"):
        read_lists(client_of(stand_in), SyncState(), [], again=False)


def test_all_albums_of_a_server_with_short_pages(stand_in: StandIn, tmp_path: Path) -> None:
    """A server may give fewer albums than asked for; none may look as if it were gone."""
    workspace = Workspace.init(tmp_path / "w")
    folder_of(workspace).mkdir()
    albums = [{"id": f"a{number}", "name": "A"} for number in range(5)]
    for start in range(0, 6, 2):
        stand_in.answers[f"getAlbumList2 {start}"] = ok(albumList2={"album": albums[start : start + 2]})
    stand_in.answers["getAlbumList2 5"] = ok(albumList2={})
    for one in albums:
        stand_in.answers[f"getAlbum {one['id']}"] = ok(album={"song": [{"id": f"{one['id']}-1"}]})
    found = read_songs(workspace, client_of(stand_in), SyncState(), [], silent, again=False)
    assert set(found) == {f"a{number}-1" for number in range(5)}


def test_a_song_with_a_new_id_is_the_track_that_it_was(stand_in: StandIn, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    music = tmp_path / "music"
    music.mkdir()
    sound = np.random.default_rng(0).normal(0, 0.1, 16000 * 5)
    soundfile.write(music / "x.flac", sound, 16000)
    for song in ("old", "new"):
        stand_in.answers["ping"] = ok()
        stand_in.answers["getAlbumList2"] = ok(albumList2={"album": [{"id": "a", "created": song}]})
        stand_in.answers["getAlbum a"] = ok(album={"song": [{"id": song, "title": "T", "path": "x.flac"}]})
        listed = {"id": "1", "name": "mine", "changed": song}
        stand_in.answers["getPlaylists"] = ok(playlists={"playlist": [listed]})
        stand_in.answers["getPlaylist"] = ok(playlist={"entry": [{"id": song}]})
        stand_in.answers["getStarred2"] = ok(starred2={"song": [{"id": song}]})
        sync(workspace, client_of(stand_in), maps=[path_map(f"={music}")], download=False)
        with Library(workspace.library_path) as library:
            (track,) = library.tracks().items
        assert not track.gone_since
        assert read_plays(workspace).tracks_of("server:1") == [track.track_id]
        assert track.track_id in {one.track_id for one in read_thumbs(workspace)}
