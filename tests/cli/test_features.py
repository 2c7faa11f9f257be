"""Tests of the command `features`, from a wheel of MusiCNN to a model trained on its features, with random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import Run
from tests.ingest.sounds import song, write
from tests.models.bundle import write_wheel

pytestmark = pytest.mark.slow

RECIPE = """
name = "described"
about = "for tests"
[[stage]]
input = "musicnn"
epochs = 2
[stage.dense]
layers = [8]
[stage.mse]
"""


@pytest.fixture
def copy(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of its own, and an empty cache of weights."""
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    return Path(shutil.copytree(workspace, tmp_path / "copy"))


def test_the_whole_way(copy: Path, world: Path, run: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "described.toml"
    recipe.write_text(RECIPE)
    one, two, *_ = (line.split(",")[0] for line in (world / "tracks.csv").read_text().splitlines()[1:])

    error = run("features", "-w", copy).error
    assert "pip download --no-deps musicnn==0.1.0" in error
    assert "run `unheard weights musicnn FILE` first" in error
    assert run("weights", "musicnn", write_wheel(tmp_path / "musicnn.whl")).code == 0
    assert f"unheard features -w {copy}" in run("train", "-w", copy, recipe).error

    ran = run("features", "-w", copy, "--track", one, "--track", two, "-j", 1)
    assert "musicnn: 2 tracks extracted, 0 unchanged, 0 failed" in ran.stderr
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert [line[0] for line in lines[2:]] == sorted([one, two])
    again = run("features", "-w", copy, "--track", one, "--json")
    assert "musicnn: 0 tracks extracted, 1 unchanged, 0 failed" in again.stderr
    (found,) = json.loads(again.stdout)
    assert found["track_id"] == one
    assert len(found["tags"]) == 3
    assert all(0 <= probability <= 1 for probability in found["tags"].values())
    assert "no such track" in run("features", "-w", copy, "--track", "nobody").error

    ran = run("features", "-w", copy, "-j", 2)
    assert "musicnn: 40 tracks extracted, 2 unchanged, 0 failed" in ran.stderr
    assert ran.stdout == ""
    assert len(run("features", "-w", copy, "--tags").stdout.splitlines()) == 44
    assert run("train", "-w", copy, recipe).code == 0
    error = run("features", "-w", copy, "--kind", "encoder@live@described").error
    assert "model 'described' reads musicnn; features are extracted by models that read patches" in error
    assert "chroma has no tags" in run("features", "-w", copy, "--kind", "chroma", "--tags").error
    assert "chroma: 1 tracks extracted" in run("features", "-w", copy, "--kind", "chroma", "--track", one).stderr
    listed = {row["kind"]: row for row in json.loads(run("features", "-w", copy, "--list", "--json").stdout)}
    assert listed["musicnn"] == {"kind": "musicnn", "dim": 200, "version": "1", "tracks": 42, "package": "unheard"}
    assert (listed["statistics"]["tracks"], listed["chroma"]["tracks"], listed["vectors"]["tracks"]) == (42, 1, 0)
    assert "chroma" in run("features", "-w", copy, "--list").stdout
    error = run("features", "-w", copy, "--kind", "encoder@live@nobody").error
    assert f"no trained network; run `unheard train -w {copy} --split live nobody`" in error
    new = write(tmp_path / "new.flac", song(3, 4.0))
    ran = run("similar", "-w", copy, new, "--model", "described", "-n", 3, "--json")
    assert ran.code == 0, ran
    assert len(json.loads(ran.stdout)) == 3


def test_files_that_fail_are_listed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_CACHE", str(tmp_path / "cache"))
    run("weights", "musicnn", write_wheel(tmp_path / "musicnn.whl"))
    gone = write(tmp_path / "gone.wav", song(5, 2.0))
    run("init", "-w", tmp_path / "small")
    run("scan", "-w", tmp_path / "small", gone)
    gone.unlink()
    ran = run("features", "-w", tmp_path / "small", "--tags")
    assert ran.code == 0
    assert "musicnn: 0 tracks extracted, 0 unchanged, 1 failed" in ran.stderr
    assert f"{gone}: missing: no such file" in ran.stderr
