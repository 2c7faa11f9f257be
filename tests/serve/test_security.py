"""Attacks on a running server, each from a real client."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.builders.server import running
from unheard.errors import UserError
from unheard.serve import security
from unheard.serve.app import make_app
from unheard.serve.attempts import Attempts
from unheard.serve.config import ServeConfig, read_token
from unheard.serve.cookies import COOKIE, cookie_secret, cookie_value
from unheard.serve.keys import make_key
from unheard.serve.security_headers import HEADERS
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def guarded_url(served_workspace: Path) -> Iterator[str]:
    """A server that wants a token, and takes small uploads only."""
    with running(ServeConfig(workspace=served_workspace, token=TOKEN, max_upload_bytes=100_000)) as url:
        yield url


def raw(url: str, request: bytes) -> bytes:
    """What a server answers to bytes that no client library would send."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


# ------------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "example.org"])
def test_a_wider_address_wants_a_token(served_workspace: Path, host: str) -> None:
    with pytest.raises(UserError, match="give --token-file"):
        ServeConfig(workspace=served_workspace, host=host)
    assert not ServeConfig(workspace=served_workspace, host=host, token=TOKEN).is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_the_loopback_wants_none(served_workspace: Path, host: str) -> None:
    assert ServeConfig(workspace=served_workspace, host=host).is_loopback


def test_tokens_come_from_a_file(served_workspace: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\nmore\n")
    assert read_token(file) == TOKEN
    for wrong in ("", "\n", "a\x00b", "schlüssel-aus-umlauten"):
        file.write_text(wrong)
        with pytest.raises(UserError, match="printable ASCII"):
            read_token(file)
    with pytest.raises(UserError, match="cannot be read"):
        read_token(tmp_path / "nothing")
    with pytest.raises(UserError, match="at least 16"):
        ServeConfig(workspace=served_workspace, token="short")
    with pytest.raises(UserError, match="not a folder"):
        ServeConfig(workspace=served_workspace, music_roots=(tmp_path / "nothing",))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "a b", "\xff"])
def test_another_name_for_this_machine_is_refused(server_url: str, host: str) -> None:
    """DNS rebinding: a page of evil.example, whose name now points here, could otherwise read everything."""
    for path in ("/api/tracks", "/", "/api/health/live", "/static/style.css"):
        answer = raw(server_url, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 400"), answer[:200]


def test_its_own_names_are_taken(server_url: str) -> None:
    port = server_url.rpartition(":")[2]
    for host in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "LOCALHOST"):
        assert httpx.get(f"{server_url}/api/health/live", headers={"host": host}).status_code == 200


# --------------------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"cookie": f"{COOKIE}="},
        {"cookie": '=;;="'},
    ],
)
def test_nobody_gets_in_without_the_token(guarded_url: str, headers: dict[str, str]) -> None:
    for path in ("/api/tracks", "/api/health/ready", "/api/jobs", "/openapi.json", "/docs", "/"):
        answer = httpx.get(f"{guarded_url}{path}", headers=headers)
        assert answer.status_code == (401 if path.startswith("/api") else 303), path
    refused = httpx.post(f"{guarded_url}/api/jobs", headers=headers | {"origin": guarded_url}, json={"verb": "split"})
    assert (refused.status_code, refused.json()["error_code"]) == (401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_the_token_opens_and_live_needs_none(guarded_url: str) -> None:
    assert httpx.get(f"{guarded_url}/api/health/live").status_code == 200
    for kind in ("Bearer", "bearer"):
        found = httpx.get(f"{guarded_url}/api/tracks", headers={"authorization": f"{kind} {TOKEN}"})
        assert found.status_code == 200


def test_guesses_are_limited_and_the_owner_is_not_locked_out(served_workspace: Path) -> None:
    """After ten wrong tokens an address waits for seconds; a browser that is logged in, and others, do not."""
    app = make_app(ServeConfig(workspace=served_workspace, token=TOKEN))
    clock = [0.0]
    app.state.logins = Attempts(10, 5.0, clock=lambda: clock[0])
    with running(ServeConfig(workspace=served_workspace, token=TOKEN), app) as url:
        good, bearer = {"token": TOKEN}, {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url) as owner:
            assert owner.post("/login", data=good).status_code == 303
            for number in range(10):
                assert httpx.post(f"{url}/login", data={"token": f"guess {number}"}).status_code == 401
            refused = httpx.post(f"{url}/login", data=good)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
            assert "Try again in 5 seconds" in refused.text
            refused = httpx.get(f"{url}/api/tracks", headers=bearer)
            assert (refused.status_code, refused.json()["error_code"]) == (429, "too_many_attempts")
            assert refused.headers["retry-after"] == "5"
            assert owner.get("/api/tracks", timeout=60).status_code == 200  # has the cookie
            other = httpx.post(f"{url}/login", data=good, headers={"x-forwarded-for": "203.0.113.9"})  # through a proxy
            assert other.status_code == 303
            clock[0] += 5.0
            assert httpx.post(f"{url}/login", data=good).status_code == 303


def test_a_guessed_token_gives_no_cookie_that_is_right(served_workspace: Path) -> None:
    """Cookies are not counted as guesses; without the server's secret, the right token makes a wrong cookie."""
    config = ServeConfig(workspace=served_workspace, token=TOKEN)
    with running(config) as url:

        def answer(value: str) -> int:
            return httpx.get(f"{url}/api/tracks", headers={"cookie": f"{COOKIE}={value}"}, timeout=60).status_code

        assert answer(cookie_value(config)) == 200
        assert answer(cookie_value(replace(config, cookie_secret=""))) == 401
        assert answer(hmac.new(TOKEN.encode(), b"unheard browser", hashlib.sha256).hexdigest()) == 401
        assert cookie_value(replace(config, token=f"{TOKEN}2")) != cookie_value(config)


def test_the_secret_of_cookies_is_the_owner_s_and_stays(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    secret = cookie_secret(workspace)
    assert cookie_secret(workspace) == secret
    assert stat.S_IMODE(workspace.cookie_secret_path.stat().st_mode) == 0o600
    workspace.cookie_secret_path.write_bytes(b"\xff")
    assert cookie_secret(workspace) != secret
    workspace.cookie_secret_path.unlink()
    workspace.cookie_secret_path.mkdir()  # cannot be replaced by a file
    assert cookie_secret(workspace) != cookie_secret(workspace)


def test_a_key_is_let_in_while_others_guess(served_workspace: Path, tmp_path: Path) -> None:
    workspace = Workspace.open(shutil.copytree(served_workspace, tmp_path / "w"))
    secret = make_key(workspace, "program", scope="admin")
    app = make_app(ServeConfig(workspace=workspace.root, token=TOKEN))
    app.state.logins = Attempts(2, 1000.0)
    with running(ServeConfig(workspace=workspace.root, token=TOKEN), app) as url:
        sent = [f"guess {number}" for number in range(4)] + [TOKEN, secret]
        answers = [
            httpx.get(f"{url}/api/tracks", headers={"authorization": f"Bearer {one}"}, timeout=60).status_code
            for one in sent
        ]
        assert answers == [401, 401, 429, 429, 429, 200]


def test_the_same_wrong_token_again_uses_up_nothing(served_workspace: Path) -> None:
    with running(ServeConfig(workspace=served_workspace, token=TOKEN)) as url:
        for _ in range(30):
            assert httpx.get(f"{url}/api/tracks", headers={"authorization": "Bearer of last year"}).status_code == 401
        assert httpx.get(f"{url}/api/health/ready", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_uploads_are_limited(served_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "UPLOADS", 3)
    monkeypatch.setattr(security, "UPLOAD_EVERY_S", 3600)
    with running(ServeConfig(workspace=served_workspace)) as url:
        files = {"file": ("list.m3u", b"#EXTM3U\nx.mp3\n")}
        answers = [httpx.post(f"{url}/api/playlists/parse", files=files, timeout=60) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["retry-after"]) > 3000
        assert httpx.post(f"{url}/api/playlists/parse", json={"text": "x"}).status_code == 200


def test_a_browser_logs_in_with_a_form_and_keeps_a_cookie_that_is_not_the_token(guarded_url: str) -> None:
    with httpx.Client(base_url=guarded_url, headers={"origin": guarded_url}) as browser:
        sent_on = browser.get("/playlists")
        assert sent_on.headers["location"] == "/login?next=/playlists"
        assert 'type="password"' in browser.get("/login").text
        wrong = browser.post("/login", data={"token": "wrong"})
        assert wrong.status_code == 401
        assert "set-cookie" not in wrong.headers
        entered = browser.post("/login?next=/playlists", data={"token": TOKEN})
        assert (entered.status_code, entered.headers["location"]) == (303, "/playlists")
        cookie = entered.headers["set-cookie"]
        for attribute in ("HttpOnly", "SameSite=strict", "Path=/"):
            assert attribute in cookie
        assert TOKEN not in cookie
        assert browser.get("/api/tracks").status_code == 200
        assert browser.get("/playlists").status_code == 200
        browser.post("/logout")
        assert browser.get("/api/tracks").status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        "/tracks?q=night%20song&offset=50",
        "/track?id=a%2Fb%3Fc%26d%3De%23f",
        "/models?seed=t00-0&seed=t01-1&model=ridge",
        "/tracks?q=%E2%99%AB",
        "/runs/a%3Fb",
    ],
)
def test_after_the_login_the_page_opens_that_was_asked_for(guarded_url: str, address: str) -> None:
    with httpx.Client(base_url=guarded_url, headers={"origin": guarded_url}) as browser:
        login = browser.get(address).headers["location"]
        action = html.unescape(re.search(r'<form[^>]* action="([^"]*)"', browser.get(login).text)[1])  # type: ignore[index]
        entered = browser.post(action, data={"token": TOKEN})
        assert entered.headers["location"] == address


def test_an_address_too_long_to_return_to_leads_to_the_start_page(guarded_url: str) -> None:
    sent_on = httpx.get(f"{guarded_url}/tracks?q={'x' * 5_000}")
    assert sent_on.headers["location"] == "/login?next=/"


@pytest.mark.parametrize(
    "onward", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "javascript:1"]
)
def test_the_login_leads_to_this_server_only(guarded_url: str, onward: str) -> None:
    entered = httpx.post(f"{guarded_url}/login", params={"next": onward}, data={"token": TOKEN})
    assert entered.headers["location"] == "/"


# ------------------------------------------------------------------------------------------------ other sites' pages


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"cookie": "a=b"},
    ],
)
def test_other_sites_cannot_post(server_url: str, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/api/jobs"),
        ("DELETE", "/api/jobs/20200101-000000-abcdef"),
        ("POST", "/api/recommend"),
    ):
        answer = httpx.request(method, f"{server_url}{path}", headers=headers, json={"verb": "split"})
        assert (answer.status_code, answer.json()["error_code"]) == (403, "cross_site")


def test_its_own_pages_can(server_url: str) -> None:
    for headers in ({"origin": server_url}, {"sec-fetch-site": "same-origin", "cookie": "a=b"}, {}):
        answer = httpx.post(f"{server_url}/api/recommend", headers=headers, json={"likes": ["t00-0"]})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/api/broken/{secret}", "/broken/{secret}"])
def test_an_internal_error_is_as_careful_and_says_nothing(
    served_workspace: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(ServeConfig(workspace=served_workspace))

    @app.get(path)
    def broken(secret: str) -> None:
        raise ZeroDivisionError("secret of /home/me")

    with running(ServeConfig(workspace=served_workspace), app) as url:
        answer = httpx.get(url + path.format(secret="link-of-a-rater"))
    assert f"GET {path}" in caplog.messages  # and the log names the route alone
    assert "link-of-a-rater" not in caplog.text
    assert answer.status_code == 500
    assert "secret" not in answer.text
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


def test_every_answer_tells_the_browser_to_be_careful(server_url: str) -> None:
    for path in ("/", "/api/tracks", "/api/nothing", "/nothing", "/docs", "/static/style.css"):
        answer = httpx.get(f"{server_url}{path}")
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, path
    policy = HEADERS["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


# ------------------------------------------------------------------------------------------------------ large things


def test_large_uploads_are_refused_before_they_are_read(guarded_url: str) -> None:
    key = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{guarded_url}/api/recommend", headers=key, files={"file": ("a.wav", bytes(200_000))})
    assert (answer.status_code, answer.json()["error_code"]) == (413, "too_large")

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(100):
            yield bytes(10_000)
        yield b"\r\n--x--\r\n"

    kind = {"content-type": "multipart/form-data; boundary=x"}  # of a length that nobody announced
    answer = httpx.post(f"{guarded_url}/api/recommend", headers=key | kind, content=pieces())
    assert (answer.status_code, answer.json()["error_code"]) == (413, "too_large")
    likes = {"likes": ["t00-0"] * 20_000}
    assert httpx.post(f"{guarded_url}/api/recommend", headers=key, json=likes).status_code == 413


def test_an_announced_length_that_is_nonsense(server_url: str) -> None:
    for length in ("-1", "99999999999999999999", "0x10", "1e3"):
        request = (
            f"POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
        assert raw(server_url, request.encode())[9:12] in (b"400", b"413")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../config.py",
        "/static/%2e%2e/config.py",
        "/static/..%2fconfig.py",
        "/static//etc/passwd",
        "/static/%00",
        "/api/tracks/../../../etc/passwd/audio",
        "/api/playlists/%2e%2e%2f%2e%2e%2fworkspace.json",
        "/listen/../../etc/passwd",
    ],
)
def test_paths_lead_nowhere(server_url: str, path: str) -> None:
    answer = raw(server_url, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer[9:12] in (b"404", b"400", b"405"), answer[:100]
    assert b"root:" not in answer
    assert b"Traceback" not in answer


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "PATCH"])
def test_methods_that_nothing_has(server_url: str, method: str) -> None:
    answer = httpx.request(method, f"{server_url}/api/tracks")
    assert (answer.status_code, answer.json()["error_code"]) == (405, "method_not_allowed")
