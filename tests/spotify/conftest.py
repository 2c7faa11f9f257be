"""Fixtures: a stand-in for Spotify on a free port, and a user who is logged in to it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.spotify.stand_in import CLIENT, REFRESH, StandIn, running
from unheard.spotify.account import SCOPES, Account, connect, token_path
from unheard.workspace import Workspace

Connect = Callable[[], Account]


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set an application's credentials and an empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", CLIENT[0])
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", CLIENT[1])
    monkeypatch.setenv("SPOTIPY_REDIRECT_URI", "http://127.0.0.1:8888/callback")


@pytest.fixture
def spotify(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Return a running stand-in; the user has a valid token."""
    with running(StandIn()) as server:
        monkeypatch.setenv("UNHEARD_SPOTIFY_API", server.url)
        write_token(server.token)
        yield server


@pytest.fixture
def log_in() -> Connect:
    return lambda: connect(say=pytest.fail)


def write_token(token: str, *, seconds: int = 3600) -> None:
    """Write a token to the cache as spotipy does; it expires in `seconds`."""
    token_path().parent.mkdir(parents=True, exist_ok=True)
    kept = {"access_token": token, "refresh_token": REFRESH, "scope": " ".join(sorted(SCOPES))}
    token_path().write_text(json.dumps(kept | {"expires_at": int(time.time()) + seconds}))


@pytest.fixture(scope="session")
def workspace(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A small music world with the models toy, toy@1 and toy@2 on the split `artists`."""
    return Workspace.open(shutil.copytree(music_world, tmp_path_factory.mktemp("spotify") / "w"))
