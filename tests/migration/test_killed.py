"""A migration that is killed leaves format 1 as it was or format 2 complete, and the next one finishes it.

Python announces every file that is opened, renamed, linked or removed, and every connection to SQLite, as an audit
event. One process forks a migration of a fresh copy for every n-th event, which kills itself at that event.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.format_1 import contents, other_files, rows_of, version_of
from unheard.migration.migrate import backup_dir, migrate, unfinished
from unheard.workspace import Workspace

STEP = 7  # every so many events; all of them take minutes

DRIVER = """
import itertools, os, shutil, signal, sys
from pathlib import Path
import pyarrow.compute, pyarrow.parquet
from unheard.migration.migrate import migrate

FILES = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}
source, folder, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def migrate_until(n, root):
    events = itertools.count()

    def kill(event, args):
        if (event in FILES or event.startswith(("sqlite3.connect", "shutil."))) and next(events) == n:
            os.kill(os.getpid(), signal.SIGKILL)

    # Also at every step that is reported: between two commits, no file is opened.
    def progress(step, done, total):
        kill("open", ())

    sys.addaudithook(kill)
    migrate(root, progress=progress)

for n in itertools.count(0, step):
    root = shutil.copytree(source, folder / f"{n}")
    child = os.fork()
    if child == 0:
        migrate_until(n, root)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    assert os.WTERMSIG(status) == signal.SIGKILL, status
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_killed_anywhere(unpacked: Path, tmp_path: Path) -> None:
    source, folder = unpacked / "format-1", tmp_path / "killed"
    folder.mkdir()
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    command = [sys.executable, str(script), str(source), str(folder), str(STEP)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    whole = shutil.copytree(source, tmp_path / "whole")
    migrate(whole)
    expected, files, rows = contents(whole), other_files(source), rows_of(source)
    versions = []
    roots = sorted(folder.iterdir(), key=lambda root: int(root.name))
    for root in roots:
        versions.append(version_of(root))
        if versions[-1] == 1:
            assert other_files(root) == files, root
            assert rows_of(root) == rows, root
        else:
            assert contents(root) == expected, root
        migrate(root)
        assert contents(root) == expected, root
        assert rows_of(backup_dir(Workspace.open(root))) == rows, root
        assert not unfinished(Workspace.open(root)), root
        assert not list((root / "backup-format-1").glob(".*")), root
    assert versions == sorted(versions)  # one commit
    assert versions.count(1) > 10
    assert versions.count(2) > 1
