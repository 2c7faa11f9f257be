"""`unheard doctor` while other commands work in the same workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unheard.cli.doctor import run_checks
from unheard.workspace import Workspace


def test_files_that_vanish_meanwhile_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace.init(tmp_path / "w")
    folder = workspace.root / "temporary"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(b"x")
    stat = Path.stat

    def stat_and_remove(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = stat(path, follow_symlinks=follow_symlinks)
        if path.parent == folder:
            for file in list(folder.iterdir()):
                file.unlink()
        return found

    monkeypatch.setattr(Path, "stat", stat_and_remove)
    (disk,) = (check for check in run_checks(workspace) if check.what == "disk")
    assert disk.found.endswith("the workspace uses 0.00 GiB")
    assert list(folder.iterdir()) == []
