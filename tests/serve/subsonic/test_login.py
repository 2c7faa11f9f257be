"""Who gets in: the three ways to send a key, and every wrong one with the error of the specification."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
from pathlib import Path

import httpx
import pytest

from tests.builders.command_line import run_command
from tests.builders.server import running
from tests.serve.subsonic.conftest import USER, Player
from unheard.errors import UserError, quoted
from unheard.serve.config import ServeConfig
from unheard.serve.keys import Scope, make_key, name_of_secret, read_keys, remove_key
from unheard.serve.subsonic.endpoints import ENDPOINTS, LISTENING
from unheard.workspace import Workspace


def code(player: Player, method: str = "GET", **parameters: str) -> int | None:
    """Return the code of the error that a ping with some login is answered with; None if it is let in."""
    wanted = {"f": "json", "v": "1.16.1", "c": "test", **parameters}
    url = "/rest/ping.view"
    sent = player.client.get(url, params=wanted) if method == "GET" else player.client.post(url, data=wanted)
    found = sent.json()["subsonic-response"]
    return int(found["error"]["code"]) if found["status"] == "failed" else None


def token(secret: str, salt: str) -> str:
    return hashlib.md5((secret + salt).encode()).hexdigest()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_way_of_the_specification_opens(player: Player, method: str) -> None:
    secret, salt = player.secret, "c19b2d"
    assert code(player, method, apiKey=secret) is None
    assert code(player, method, u=USER, t=token(secret, salt), s=salt) is None
    assert code(player, method, u=USER, t=token(secret, salt).upper(), s=salt) is None
    assert code(player, method, u=USER, p=secret) is None
    assert code(player, method, u=USER, p="enc:" + secret.encode().hex()) is None


def test_nothing_else_does(player: Player) -> None:
    secret, salt = player.secret, "c19b2d"
    expected = {
        10: [{}, {"u": USER}, {"p": secret}, {"u": USER, "t": token(secret, salt)}, {"u": USER, "s": salt}],
        40: [
            {"u": USER, "p": secret[:-1]},
            {"u": USER, "p": "enc:" + secret},
            {"u": USER, "p": "enc:" + secret[:-1].encode().hex()},
            {"u": "nobody", "p": secret},
            {"u": USER, "t": token(secret, "other"), "s": salt},
            {"u": USER, "t": token("", salt), "s": salt},
            {"u": USER, "t": "ü", "s": "\ud7ff"},
        ],
        41: [{"u": "nobody", "t": token(secret, salt), "s": salt}],
        43: [
            {"u": USER, "apiKey": secret},
            {"apiKey": secret, "t": token(secret, salt), "s": salt},
            {"u": USER, "p": secret, "t": token(secret, salt), "s": salt},
        ],
        44: [{"apiKey": "wrong"}, {"apiKey": secret + "x"}, {"apiKey": "ü"}],
    }
    for wanted, logins in expected.items():
        for login in logins:
            assert code(player, **login) == wanted, login


def test_versions_of_another_major_are_refused(player: Player) -> None:
    assert [code(player, apiKey=player.secret, v=v) for v in ("0.9.0", "2.0.0", "10.1", "1.8.0", "", "x")] == [
        20, 30, 30, None, None, None,
    ]  # fmt: skip


def test_the_extensions_need_no_key(player: Player) -> None:
    found = httpx.get(f"{player.url}/rest/getOpenSubsonicExtensions", params={"f": "json"}).json()["subsonic-response"]
    assert {one["name"]: one["versions"] for one in found["openSubsonicExtensions"]} == {
        "apiKeyAuthentication": [1],
        "formPost": [1],
        "songLyrics": [1],
        "topSongsByArtistId": [1],
        "sonicSimilarity": [1],
    }


def test_players_know_their_own_name_only(player: Player) -> None:
    assert player.answer("tokenInfo")["tokenInfo"] == {"username": USER}
    assert player.answer("getUser", username=USER)["user"]["username"] == USER
    assert player.code("getUser", username="tablet") == 50


def test_a_removed_key_is_refused_at_once(player: Player) -> None:
    other = make_key(player.workspace, "tablet")
    assert code(player, apiKey=other) is None
    remove_key(player.workspace, "tablet")
    assert code(player, apiKey=other) == 44


def test_a_key_opens_nothing_but_players_routes(player: Player) -> None:
    """Beside a token, which opens everything."""
    server_token = "correct-horse-battery-staple"
    with running(ServeConfig(workspace=player.workspace.root, token=server_token)) as url:
        bearer = {"authorization": f"Bearer {player.secret}"}
        assert httpx.get(f"{url}/rest/ping", params={"apiKey": player.secret, "f": "json"}).status_code == 200
        similar = f"{url}/api/similar_tracks?item_id=t00-0"
        assert httpx.get(similar, headers=bearer, timeout=60).status_code == 200
        assert httpx.get(similar, headers={"authorization": f"Bearer {server_token}"}, timeout=60).status_code == 200
        for path in ("/api/similar_tracks?item_id=t00-0", "/api/find_path?start_song_id=a&end_song_id=b"):
            assert httpx.get(url + path).status_code == 401
            assert httpx.get(url + path, headers={"authorization": "Bearer wrong"}).status_code == 401
        for path in ("/api/tracks", "/api/jobs", "/api/similar_tracks/x", "/api/thumbs"):
            assert httpx.get(url + path, headers=bearer).status_code == 401, path
        assert (
            httpx.get(f"{url}/rest/ping", params={"apiKey": server_token, "f": "json"}).json()["subsonic-response"][
                "error"
            ]["code"]
            == 44
        )


def test_players_in_a_browser_may_read_answers_and_pages_of_other_sites_can_do_nothing(player: Player) -> None:
    """A key is never sent of a browser's own accord, so other sites may ask; without a key they learn nothing."""
    headers = {"origin": "https://player.example", "sec-fetch-site": "cross-site"}
    form = {"apiKey": player.secret, "f": "json"}
    answer = httpx.post(f"{player.url}/rest/ping", data=form, headers=headers)
    assert answer.json()["subsonic-response"]["status"] == "ok"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in answer.headers
    refused = httpx.post(f"{player.url}/rest/ping", data={"f": "json"}, headers=headers)
    assert refused.json()["subsonic-response"]["error"]["code"] == 10


# ------------------------------------------------------------------------------------------------------------ keys


def test_keys_are_made_listed_and_removed_by_the_command(tmp_path: Path) -> None:
    root = tmp_path / "my w"
    workspace = Workspace.init(root)
    assert "no keys yet" in run_command("serve-key", "-w", root).stderr
    made = run_command("serve-key", "-w", root, "phone")
    secret = made.stdout.strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", secret)
    assert secret not in workspace.keys_path.read_text()
    assert name_of_secret(read_keys(workspace), secret) == "phone"
    name, scope, kept, _ = run_command("serve-key", "-w", root).stdout.strip().split("\t")
    assert (name, scope, kept) == ("phone", "listen", "hash")
    old = run_command("serve-key", "-w", root, "radio", "--salted", "--scope", "read").stdout.strip()
    assert read_keys(workspace)["radio"].salted == old
    assert "radio\tread\tsalted" in run_command("serve-key", "-w", root).stdout
    assert run_command("serve-key", "-w", root, "--remove", "radio").code == 0
    assert "expected one of read, listen, admin" in run_command("serve-key", "-w", root, "x", "--scope", "all").error
    told = run_command("serve-key", "-w", root, "phone").error
    assert f"there is one; `unheard serve-key -w {quoted(root)} --remove phone` removes it" in told
    assert run_command("serve-key", "-w", root, "--remove", "phone").code == 0
    assert read_keys(workspace) == {}
    told = run_command("serve-key", "-w", root, "--remove", "phone").error
    assert f"there is none; `unheard serve-key -w {quoted(root)}` lists them" in told
    for wrong in ("", "a b", "ü", "-x", "a" * 41, "a/b"):
        with pytest.raises(UserError, match="1 to 40"):
            make_key(workspace, wrong)


def test_only_the_owner_may_read_keys(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    for name in ("a", "b"):
        make_key(workspace, name)
        assert stat.S_IMODE(workspace.keys_path.stat().st_mode) == 0o600
    assert len({key.sha256 for key in read_keys(workspace).values()}) == 2


def test_a_hashed_key_opens_as_password_and_api_key_and_not_as_salted_token(player: Player) -> None:
    """41 is the error upon which players send a password."""
    secret, salt = make_key(player.workspace, "tv"), "c19b2d"
    assert code(player, apiKey=secret) is None
    assert code(player, u="tv", p=secret) is None
    assert code(player, u="tv", p="enc:" + secret.encode().hex()) is None
    assert code(player, u="tv", p=secret[:-1]) == 40
    assert code(player, u="tv", t=token(secret, salt), s=salt) == 41
    assert code(player, u="tv", t=token("", salt), s=salt) == 41
    remove_key(player.workspace, "tv")


def test_keys_of_the_former_format_still_open(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    former = {"phone": {"secret": "x" * 32, "made": "2026-11-27T00:00:00+00:00"}}
    workspace.keys_path.write_text(json.dumps({"format": "unheard keys", "version": 1, "keys": former}))
    assert name_of_secret(read_keys(workspace), "x" * 32) == "phone"
    make_key(workspace, "tablet")
    assert json.loads(workspace.keys_path.read_text())["version"] == 2
    phone = read_keys(workspace)["phone"]
    assert (phone.salted, phone.scope, phone.made) == ("x" * 32, "listen", "2026-11-27T00:00:00+00:00")


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_a_key_that_may_read_changes_nothing_and_takes_no_file(player: Player, name: str) -> None:
    secret = make_key(player.workspace, "display", scope="read")
    try:
        found = httpx.get(f"{player.url}/rest/{name}", params={"apiKey": secret, "f": "json"}, timeout=60)
        error = found.json()["subsonic-response"].get("error", {}) if "json" in found.headers["content-type"] else {}
        assert (error.get("code") == 50) == (name in LISTENING)
    finally:
        remove_key(player.workspace, "display")


def test_roles_say_what_a_key_may_do(player: Player) -> None:
    scopes: tuple[tuple[Scope, bool], ...] = (("read", False), ("listen", True))
    for scope, expected in scopes:
        secret = make_key(player.workspace, scope, scope=scope)
        try:
            answer = httpx.get(f"{player.url}/rest/getUser", params={"apiKey": secret, "f": "json"}).json()
            roles = answer["subsonic-response"]["user"]
            assert (roles["streamRole"], roles["playlistRole"], roles["adminRole"]) == (expected, expected, False)
        finally:
            remove_key(player.workspace, scope)


def test_a_key_of_the_scope_admin_opens_what_the_token_opens(player: Player) -> None:
    secret = make_key(player.workspace, "cron", scope="admin")
    try:
        with running(ServeConfig(workspace=player.workspace.root, token="correct-horse-battery-staple")) as url:
            for path in ("/api/tracks", "/api/jobs", "/", "/api/similar_tracks?item_id=t00-0"):
                headers = {"authorization": f"Bearer {secret}"}
                assert httpx.get(url + path, headers=headers, timeout=60).status_code == 200
    finally:
        remove_key(player.workspace, "cron")


def test_a_damaged_file_of_keys_does_not_refuse_the_token(player: Player, tmp_path: Path) -> None:
    root = shutil.copytree(player.workspace.root, tmp_path / "w")
    (root / "keys.json").write_text("{")
    bearer = {"authorization": "Bearer correct-horse-battery-staple"}
    with running(ServeConfig(workspace=root, token="correct-horse-battery-staple")) as url:
        for path in ("/api/similar_tracks?item_id=t00-0", "/api/tracks"):
            assert httpx.get(url + path, headers=bearer, timeout=60).status_code == 200
            assert httpx.get(url + path, headers={"authorization": "Bearer other"}, timeout=60).status_code == 401
        found = httpx.get(f"{url}/rest/ping", params={"apiKey": "x", "f": "json"}).json()["subsonic-response"]
        assert found["status"] == "failed"


HASH = "0" * 64
DAMAGED = [
    {},
    {"sha256": "x", "scope": "read", "made": ""},
    {"sha256": HASH, "scope": "all", "made": ""},
    {"sha256": "", "scope": "read", "made": ""},
    {"sha256": HASH, "scope": "read", "made": "", "salted": "x"},
    {"sha256": HASH, "scope": "read", "made": "", "more": 1},
]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"format": "unheard keys", "version": 3, "keys": {}}',
        '{"format": "unheard keys", "version": 1, "keys": {"a": {"secret": "", "made": ""}}}',
        "\x00",
        *(json.dumps({"format": "unheard keys", "version": 2, "keys": {"a": one}}) for one in DAMAGED),
    ],
)
def test_a_damaged_file_opens_nothing(tmp_path: Path, text: str) -> None:
    workspace = Workspace.init(tmp_path / "w")
    workspace.keys_path.write_text(text)
    with pytest.raises(UserError, match=r"keys\.json: damaged"):
        read_keys(workspace)


def test_damaged_keys_do_not_refuse_the_token_of_the_owner(served_workspace: Path, tmp_path: Path) -> None:
    """On the routes that a key opens too."""
    workspace, token = Workspace.open(shutil.copytree(served_workspace, tmp_path / "w")), "a secret of the owner"
    make_key(workspace, "phone")
    workspace.keys_path.write_text(workspace.keys_path.read_text().replace("phone", "fhone"))
    with running(ServeConfig(workspace.root, token=token)) as url:
        for given, status in ((token, 200), ("another secret", 401)):
            headers = {"authorization": f"Bearer {given}"}
            assert httpx.get(f"{url}/metrics", headers=headers, timeout=60).status_code == status
