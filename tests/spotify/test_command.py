"""Tests of the command `unheard spotify`: the table, missing songs, one-line errors, the first login."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.spotify.stand_in import StandIn
from unheard.session import Session
from unheard.spotify.account import token_path
from unheard.workspace import Workspace

COMMAND = str(Path(sys.executable).with_name("unheard"))


@pytest.fixture
def shop(spotify: StandIn) -> StandIn:
    """Return a stand-in whose catalogue has the songs 0 to 3 of every artist."""
    for artist in range(40):
        for number in range(4):
            spotify.add_song(f"Song {number}", f"Artist {artist}", isrc=f"A{artist}S{number}")
    return spotify


def test_the_table_and_the_misses(shop: StandIn, workspace: Workspace) -> None:
    nearest = Session(workspace.root, model="toy").neighbours("t09-1", candidates="cold", n=3)[0].label
    shop.songs = [song for song in shop.songs if f"{song['artists'][0]['name']} - {song['name']}" != nearest]
    ran = run_command("spotify", "-w", workspace.root, "--seed-track", "t09-1", "--model", "toy", "-k", 3)
    assert ran.code == 0
    (playlist,) = shop.mine().values()
    assert playlist["name"] == "unheard: Artist 9 - Song 1 (toy)"
    assert len(playlist["uris"]) == 3
    assert f" 3/4   75%  https://open.spotify.com/playlist/{playlist['id']}" in ran.stdout
    assert f"not found: {nearest} (" in ran.stderr


def test_dry_run(shop: StandIn, workspace: Workspace) -> None:
    ran = run_command("spotify", "-w", workspace.root, "--seed-track", "t09-1", "-k", 2, "--dry-run", "--market", "gb")
    assert ran.code == 0
    assert ran.stdout.startswith("Found on Spotify, nothing written")
    assert shop.playlists == []
    assert {seen.method for seen in shop.seen} == {"GET"}
    assert {seen.query["market"] for seen in shop.asked("GET", "/v1/search")} == {"GB"}


def test_files_need_no_account(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPOTIPY_CLIENT_ID", raising=False)
    ran = run_command("spotify", "-w", workspace.root, "--seed-track", "t09-1", "--m3u", tmp_path / "lists")
    assert ran.code == 0
    assert len(list((tmp_path / "lists").glob("*.m3u8"))) == 4
    assert ran.stderr.count(": 11 tracks") == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--m3u", "x", "--dry-run"), "--m3u writes files, not to Spotify"),
        (("--market", "Britain"), "'Britain': expected a country code"),
        (("--seed-track", "nobody"), "no track 'nobody'"),
    ],
)
def test_mistakes(shop: StandIn, workspace: Workspace, words: tuple[str, ...], says: str) -> None:
    error = run_command("spotify", "-w", workspace.root, "--seed-track", "t09-1", "--model", "toy", *words).error
    assert says in error


def test_errors_of_spotify_are_one_line(shop: StandIn, workspace: Workspace) -> None:
    shop.token = "another"
    error = run_command("spotify", "-w", workspace.root, "--seed-track", "t09-1").error
    assert "Spotify answers 401" in error


def test_without_spotipy(workspace: Workspace, tmp_path: Path) -> None:
    """Run with a module that shadows spotipy and cannot be imported."""
    (tmp_path / "spotipy.py").write_text("raise ImportError('not here')\n")
    command = [COMMAND, "spotify", "-w", str(workspace.root), "--seed-track", "t09-1"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "error: playlists on Spotify need spotipy; pip install 'unheard[spotify]'\n"


@pytest.mark.slow
def test_the_first_login_goes_through_the_browser(shop: StandIn, workspace: Workspace, tmp_path: Path) -> None:
    """A browser that consents at once is redirected to the waiting command, which stores the token privately."""
    token_path().unlink()
    browser = tmp_path / "browser.py"
    browser.write_text("import sys, urllib.request\nurllib.request.urlopen(sys.argv[1]).read()\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "BROWSER": f"{sys.executable} {browser} %s &",
        "SPOTIPY_REDIRECT_URI": f"http://127.0.0.1:{port}/callback",
        "COLUMNS": "300",
    }
    command = [COMMAND, "spotify", "-w", str(workspace.root), "--seed-track", "t09-1"]
    terminal, keyboard = pty.openpty()
    try:
        ran = subprocess.run(
            [*command, "--model", "toy", "-k", "1"],
            env=environment, stdin=keyboard, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    finally:
        os.close(terminal)
        os.close(keyboard)
    assert ran.returncode == 0, ran.stderr
    assert f"allow unheard to write playlists: {shop.url}/authorize?client_id=client-id" in ran.stderr
    assert shop.token in token_path().read_text()
    assert token_path().stat().st_mode & 0o077 == 0
    assert len(shop.mine()) == 1
