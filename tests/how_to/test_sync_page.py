"""The commands of docs/how-to/sync.md, with a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.how_to.pages import run_page
from tests.sync.conftest import Pair, pair, unserved

__all__ = ["pair", "unserved"]  # the fixtures


def test_the_commands_work(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.own.root.rename(pair.own.root.parent / "W")
    monkeypatch.chdir(pair.own.root.parent)
    ran = run_page("sync.md", {"SERVER": pair.url, "PATH_MAP": f"={pair.music}"})
    assert "4 songs, 4 downloaded" in ran[1].stderr
    assert "4 songs, 0 downloaded" in ran[2].stderr
    assert (Path("W") / "sync" / "audio").is_dir()
