"""A running server of a small library, a key, and a client that speaks plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import player_world
from tests.builders.server import running
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.workspace import Workspace

USER = "phone"


@dataclass(frozen=True)
class Player:
    """A music player: the address of a server, its workspace, and a key."""

    url: str
    workspace: Workspace
    secret: str
    client: httpx.Client

    def get(self, name: str, /, **parameters: Any) -> httpx.Response:
        """Send a request with the key."""
        login = {"apiKey": self.secret, "v": "1.16.1", "c": "test"}
        return self.client.get(f"/rest/{name}", params={**login, **parameters})

    def answer(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """Return the answer in JSON, which must be no error."""
        response = self.get(name, f="json", **parameters)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["subsonic-response"]
        assert found["status"] == "ok", found
        return found

    def code(self, name: str, /, **parameters: Any) -> int:
        """Return the code of the error that a request is answered with."""
        response = self.get(name, f="json", **parameters)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["subsonic-response"]
        assert found["status"] == "failed", found
        return int(found["error"]["code"])


@pytest.fixture(scope="package")
def player(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    """A server of tests/builders/player_world.py."""
    root = player_world.build(music_world, tmp_path_factory.mktemp("player"))
    workspace = Workspace.open(root)
    secret = make_key(workspace, USER, salted=True)
    with running(ServeConfig(workspace=root)) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield Player(url, workspace, secret, client)


@pytest.fixture
def nothing_kept(player: Player) -> Iterator[None]:
    """Leave no stars, ratings, plays, playlists and queue behind."""
    yield
    workspace = player.workspace
    for path in (workspace.thumbs_path, workspace.ratings_path, workspace.played_path, workspace.play_queue_path):
        path.unlink(missing_ok=True)
    for path in workspace.saved_dir.glob("*.json"):
        path.unlink()
