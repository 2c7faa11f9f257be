"""Test what commands say of tracks whose files are gone: scan, errors, status, forget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders.command_line import Run
from tests.ingest.sounds import song, write

pytestmark = pytest.mark.slow


def test_from_the_deleted_file_to_forgetting_it(run: Run, tmp_path: Path) -> None:
    workspace, music = tmp_path / "w", tmp_path / "music"
    for n in (1, 2):
        write(music / f"{n}.wav", song(n, 1.5))
    run("init", "-w", workspace)
    assert "gone" not in run("scan", "-w", workspace, music, "-j", 1).stderr
    (music / "1.wav").unlink()
    told = run("scan", "-w", workspace, music, "-j", 1).stderr
    assert f"1 tracks are gone: they keep their plays, but are in no list (unheard errors -w {workspace})" in told
    ran = run("errors", "-w", workspace)
    assert f"unheard forget -w {workspace} --gone" in ran.stderr
    assert "1 tracks are gone" in ran.stdout
    (gone,) = json.loads(run("errors", "-w", workspace, "--json").stdout)
    assert (gone["path"], gone["detail"]) == (str(music / "1.wav"), f"gone since {gone['gone_since']}")
    assert json.loads(run("status", "-w", workspace, "--json").stdout)["gone"] == 1
    assert "would forget 1 tracks" in run("forget", "-w", workspace, "--gone", "--dry-run").stderr
    assert "nothing to forget" in run("forget", "-w", workspace).error
    assert "forgot 1 tracks" in run("forget", "-w", workspace, gone["track_id"]).stderr
    assert json.loads(run("errors", "-w", workspace, "--json").stdout) == []
