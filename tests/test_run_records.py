"""Test that every training and evaluation leaves one line in W/runs.jsonl, and that lines can be read again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from unheard.run_records import last_figures, read_runs, record_run
from unheard.workspace import Workspace


def test_evaluate_and_train_append_a_line_each(music_world: Path, tmp_path: Path) -> None:
    root = shutil.copytree(music_world, tmp_path / "w")
    (root / "runs.jsonl").unlink(missing_ok=True)
    for command in (
        ("train", "-w", root, "ridge-all", "--split", "artists", "--seed", "3"),
        ("evaluate", "-w", root, "--split", "artists", "--model", "artist-mean", "--model", "ridge-all@3"),
    ):
        ran = run_command(*command)
        assert ran.code == 0, ran.stderr
    trained, measured = read_runs(Workspace.open(root))
    assert (trained["command"], trained["seed"], trained["settings"]["split"]) == ("train", 3, "artists")
    assert trained["settings"]["recipe"]["name"] == "ridge-all"
    assert trained["versions"].keys() >= {"unheard", "python", "numpy", "torch"}
    assert measured["command"] == "evaluate"
    assert measured["settings"] == {"split": "artists", "models": ["artist-mean", "ridge-all@3"]}
    rows = json.loads((root / "results" / "artists.json").read_text())
    (row,) = (
        row
        for row in (rows if isinstance(rows, list) else rows["rows"])
        if (row["model"], row["candidates"], row["metric"], row["task"]) == ("ridge-all@3", "cold", "ndcg", "recommend")
    )
    assert row["value"] in measured["figures"].values()


def test_a_cut_line_hides_no_other_and_nan_is_null(tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    assert read_runs(workspace) == []

    def record(value: float) -> None:
        record_run(workspace, "train", arguments=["a"], seconds=1.0, settings={}, seed=0, figures={"loss": value})

    record(float("nan"))
    workspace.runs_path.write_bytes(workspace.runs_path.read_bytes() + b'{"time": "20')
    record(0.5)
    assert [run["figures"]["loss"] for run in read_runs(workspace)] == [None, 0.5]


@pytest.mark.parametrize("content", ["", "[]", '{"stages": [{"epochs": 3}]}'])
def test_a_damaged_history_has_no_figures(tmp_path: Path, content: str) -> None:
    path = tmp_path / "history.json"
    path.write_text(content)
    assert last_figures(path) == {}
    path.write_text('{"stages": [{"epochs": [{"loss": 2}, {"loss": 1}]}, {"epochs": []}]}')
    assert last_figures(path) == {"stage 1 loss": 1.0}
