"""Tests of the command `report`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command_line import Run


@pytest.mark.slow
def test_it_writes_a_page_and_names_it(workspace: Path, run: Run, tmp_path: Path) -> None:
    ran = run("report", "-w", workspace, "-o", tmp_path / "report", "--model", "tiny")
    assert ran.code == 0, ran
    page = Path(ran.stdout.strip())
    assert page == tmp_path / "report" / "index.html"
    figures = list((tmp_path / "report" / "figures").iterdir())
    assert f"wrote {len(figures)} figures" in ran.stderr
    assert page.read_text(encoding="utf-8").count("<img ") == len(figures)


def test_mistakes_are_one_line(workspace: Path, run: Run, tmp_path: Path) -> None:
    out = ("-o", tmp_path / "report")
    assert "no model 'magic'" in run("report", "-w", workspace, *out, "--model", "magic").error
    assert "no track 'nobody'" in run("report", "-w", workspace, *out, "--seed-track", "nobody").error
    assert run("report", "-w", workspace, *out, "--listeners", "real").code == 2
    assert not (tmp_path / "report").exists()


def test_it_names_the_stage_that_is_missing(run: Run, tmp_path: Path) -> None:
    run("init", "-w", tmp_path / "w")
    assert "unheard s" in run("report", "-w", tmp_path / "w", "-o", tmp_path / "report").error
