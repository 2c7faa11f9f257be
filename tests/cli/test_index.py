"""The `index` command, on a toy workspace that is declared large."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import unheard
from tests.builders.command_line import run_command
from unheard.errors import UserError


@pytest.fixture
def own_workspace(music_world: Path, tmp_path: Path) -> Path:
    return shutil.copytree(music_world, tmp_path / "w")


def test_indexes_are_made_once_and_lists_stay(own_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "fewer than 100,000" in run_command("index", "-w", own_workspace).stderr
    assert not (own_workspace / "indexes").exists()
    exact = [unheard.open(own_workspace).recommend(playlist="p03", n=8), unheard.open(own_workspace).similar("t08-1")]
    monkeypatch.setenv("UNHEARD_INDEX_FROM", "100")
    assert run_command("index", "-w", own_workspace).stderr.count("made ") == 3
    assert "up to date" in run_command("index", "-w", own_workspace).stderr
    assert run_command("index", "-w", own_workspace, "--again").stderr.count("made ") == 3
    music = unheard.open(own_workspace)
    assert not music.needs_indexes
    for (ids, scores), (found, its_scores) in zip(
        exact, (music.recommend(playlist="p03", n=8), music.similar("t08-1")), strict=True
    ):
        assert found == ids
        np.testing.assert_array_equal(its_scores, scores)


def test_a_wrong_number_of_tracks_is_named(own_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_INDEX_FROM", "many")
    with pytest.raises(UserError, match="UNHEARD_INDEX_FROM='many': expected a number of tracks"):
        unheard.open(own_workspace).recommend(playlist="p03")
