"""Tests that a workspace is made once, and not over other files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unheard.checksums import read_sealed
from unheard.errors import MissingStageError, UserError
from unheard.workspace import Settings, Workspace


def test_init_twice_is_open(tmp_path: Path) -> None:
    made = Workspace.init(tmp_path / "w", Settings(front_end="parity"))
    assert Workspace.init(tmp_path / "w") == made == Workspace.open(tmp_path / "w")


def test_init_refuses_other_settings_and_other_folders(tmp_path: Path) -> None:
    Workspace.init(tmp_path / "w")
    with pytest.raises(UserError, match="other settings"):
        Workspace.init(tmp_path / "w", Settings(front_end="parity"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(UserError, match="new or empty folder"):
        Workspace.init(tmp_path / "full")


def test_open_says_which_command_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingStageError, match="unheard init -w") as caught:
        Workspace.open(tmp_path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "x", "version": 1, "colour": 2}', "\x00"])
def test_a_damaged_marker_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "workspace.json").write_text(content)
    with pytest.raises(UserError, match="damaged"):
        Workspace.open(tmp_path)


def test_a_newer_format_asks_for_an_update(tmp_path: Path) -> None:
    made = Workspace.init(tmp_path / "w")
    marker = made.root / "workspace.json"
    marker.write_text(json.dumps({**read_sealed(marker), "version": 99}))
    with pytest.raises(UserError, match="update unheard"):
        Workspace.open(made.root)
