"""The commands of `unheard cluster` without a cluster: what is missing is said in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from unheard.workspace import Workspace


def test_without_pyspark_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.init(tmp_path / "w")
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    ran = run_command("cluster", "scan", "-w", tmp_path / "w", tmp_path, "--master", "local[1]")
    assert "pip install 'unheard[spark]'" in ran.error


@pytest.mark.parametrize("setting", ["executor.memory=4g", "spark.executor.memory", "spark.executor.memory="])
def test_a_setting_that_is_none_of_spark(tmp_path: Path, setting: str) -> None:
    Workspace.init(tmp_path / "w")
    ran = run_command("cluster", "factors", "-w", tmp_path / "w", "--master", "local[1]", "--conf", setting)
    assert "expected a setting such as spark.executor.memory=4g" in ran.error


def test_lists_are_a_folder_of_parquet_files(tmp_path: Path) -> None:
    Workspace.init(tmp_path / "w")
    out = tmp_path / "lists.csv"
    ran = run_command("cluster", "recommend", "-w", tmp_path / "w", "--master", "local[1]", "--out", out)
    assert "use --out lists.parquet" in ran.error
