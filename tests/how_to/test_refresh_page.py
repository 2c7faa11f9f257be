"""The commands of docs/how-to/refresh.md, and its unit files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.how_to.pages import blocks, run_page


def test_the_commands_work(folder: Path) -> None:
    ran = run_page("refresh.md", {"PLAYLIST": "p00", "TRACK_ID": "t09-1"})
    assert "long.m3u8: 25 tracks" in ran[5].stderr
    assert sorted(path.name for path in (folder / "lists").rglob("*.m3u8")) == [
        "New for the morning.m3u8",
        "ambient.m3u8",
        "anna-new.m3u8",
    ]


def test_systemd_accepts_the_unit_files(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / "unheard" / ".venv" / "bin" / "unheard"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    service, timer = blocks("refresh.md", "ini")
    for name, text in (("unheard.service", service), ("unheard.timer", timer)):
        (tmp_path / name).write_text(text.replace("%h", str(tmp_path)))
    ran = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "unheard.service", tmp_path / "unheard.timer"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
