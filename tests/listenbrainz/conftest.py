"""Fixtures: a stand-in for ListenBrainz on a free port, a client without waits, a small workspace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.listenbrainz.stand_in import TOKEN, StandIn, running
from unheard.listenbrainz import client
from unheard.listenbrainz.client import ListenBrainz
from unheard.workspace import Workspace


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A running stand-in, which commands use too, without waits between requests."""
    with running(StandIn()) as made:
        monkeypatch.setenv("UNHEARD_LISTENBRAINZ_API", made.url)
        monkeypatch.setenv("LISTENBRAINZ_TOKEN", TOKEN)
        monkeypatch.setattr(client, "SECONDS_PER_REQUEST", 0.0)
        yield made


@pytest.fixture
def waits() -> list[float]:
    """The seconds for which `api` has waited."""
    return []


@pytest.fixture
def api(server: StandIn, waits: list[float]) -> ListenBrainz:
    """A client whose clock stands still unless it waits; it does not really wait."""
    return ListenBrainz(TOKEN, server.url, waits.append, lambda: sum(waits))


@pytest.fixture
def workspace(music_world: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(music_world, tmp_path / "w"))
