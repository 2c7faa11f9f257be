"""Fixtures: a folder with a small workspace W, in which the commands of a page run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from unheard.library import Library


@pytest.fixture
def folder(music_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small music world as W; one of its artists is called as in the pages."""
    shutil.copytree(music_world, tmp_path / "W")
    with Library(tmp_path / "W" / "library.sqlite") as library, library.transaction():
        for track in library.tracks().items:
            if track.artists == ("Artist 8",):
                library.put_track(replace(track, artists=("Brian Eno",), genre="Ambient"))
            elif track.artists == ("Artist 18",):
                library.put_track(replace(track, genre="Ambient"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
