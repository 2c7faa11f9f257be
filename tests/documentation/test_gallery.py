"""The scripts of docs/gallery run on a generated world and draw their pictures, and docs/gallery.md shows them."""

from __future__ import annotations

import ast
import hashlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import unheard
from tests.builders.audio_world import copy_workspace

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "gallery_page.py"))
FOLDER: Path = TOOL["FOLDER"]
WIDTH = 660
ALL_BYTES = 600_000  # of the pictures in the repository, together


def pixels(picture: Path) -> NDArray[np.uint8]:
    """Return the colours of a picture, (height, width, 3)."""
    with Image.open(picture) as opened:
        return np.asarray(opened.convert("RGB"))


def contents(folder: Path) -> dict[str, str]:
    """Return the hash of every file of a folder by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check(picture: Path) -> None:
    """Fail for a picture of another width, with nothing on it, or with something that its edge cuts off."""
    drawn = pixels(picture)
    assert drawn.shape[1] == WIDTH
    assert WIDTH / 2 <= drawn.shape[0] <= WIDTH * 1.2
    inked = drawn.min(axis=2) < 250
    assert 0.01 < inked.mean() < 0.9
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 20
    assert not np.concatenate([inked[0], inked[-1], inked[:, 0], inked[:, -1]]).any(), "cut off at an edge"


@pytest.fixture(scope="module")
def workspace(audio_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the pairs of equal recordings, which the first session of any workspace stores."""
    copy = copy_workspace(audio_world, tmp_path_factory.mktemp("gallery"))
    unheard.open(copy)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("name", TOOL["SCRIPTS"])
def test_a_script_draws_its_picture_and_changes_nothing(
    name: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib.pyplot as plt
    from matplotlib import rc_context

    before = contents(workspace)
    monkeypatch.setattr(sys, "argv", [name, str(workspace), str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    with rc_context():
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        plt.close("all")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]
    check(tmp_path / f"{name}.png")
    assert contents(workspace) == before


@pytest.mark.parametrize("name", TOOL["SCRIPTS"])
def test_a_picture_in_the_repository_is_whole(name: str) -> None:
    check(FOLDER / f"{name}.png")


def test_the_folder_has_scripts_their_pictures_and_their_style_only() -> None:
    expected = {f"{name}{suffix}" for name in TOOL["SCRIPTS"] for suffix in (".py", ".png")} | {"gallery.mplstyle"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == expected
    assert sum(path.stat().st_size for path in FOLDER.glob("*.png")) < ALL_BYTES


@pytest.mark.parametrize("name", TOOL["SCRIPTS"])
def test_a_script_is_short(name: str) -> None:
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    code = source.splitlines()[ast.parse(source).body[0].end_lineno :]
    assert 20 <= sum(bool(line.strip()) for line in code) <= 50


def test_the_page_is_up_to_date() -> None:
    assert TOOL["PAGE"].read_text(encoding="utf-8") == TOOL["page"](), "run: python tools/gallery_page.py"
