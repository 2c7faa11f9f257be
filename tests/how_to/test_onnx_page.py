"""The commands and the program of docs/how-to/onnx.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.builders.sound_world import give_playlists, make_world
from tests.how_to.pages import blocks, run_page
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.splits.exchange import write_splits
from unheard.training.rankers.fit import fit_rankers


@pytest.mark.slow
def test_the_commands_and_the_program_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    world = give_playlists(make_world(tmp_path / "W", n_tracks=40))
    write_splits(world.workspace.splits_path, {world.split.name: world.split})
    recipe = ranker_recipe_from(
        {"name": "small", "about": "", "member": [{"ridge": {}}, {"kernel-ridge": {}}]}, "small"
    )
    fit_rankers(world.workspace, recipe, world.split)
    monkeypatch.chdir(tmp_path)
    run_page("onnx.md", {})
    names: dict[str, Any] = {}
    (program,) = blocks("onnx.md", "python")
    exec(compile(program, "onnx.md", "exec"), names)
    assert names["factors"].shape == (2, world.factors.dim)
    assert names["about"]["model"] == "small"
