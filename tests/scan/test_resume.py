"""Test that a scan killed by SIGKILL continues when it is started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import cut, song, write
from unheard.library import Library
from unheard.scan.scan import scan
from unheard.spectrograms.store import open_store
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

SCAN = """
import sys
from pathlib import Path
from unheard.scan.scan import scan
from unheard.workspace import Workspace

if __name__ == "__main__":
    scan(Workspace.open(Path(sys.argv[1])), [Path(sys.argv[2])], jobs=2,
         progress=lambda what, done, total: print(done, flush=True))
"""


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    for n in range(12):
        write(folder / f"{n:02d}.ogg", song(n, 5.0))
    cut(folder / "03.ogg", folder / "03 half.ogg")
    (folder / "05 copy.ogg").write_bytes((folder / "05.ogg").read_bytes())
    return folder


@pytest.fixture(scope="module")
def whole(music: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace whose scan was not interrupted."""
    workspace = Workspace.init(tmp_path_factory.mktemp("whole") / "w")
    scan(workspace, [music], jobs=2)
    return workspace


def state(workspace: Workspace) -> tuple[dict[str, bytes], list[list[tuple]]]:
    """Return the frames of every track and every row of the library."""
    db = sqlite3.connect(workspace.library_path)
    tables = ("tracks", "file_failures")
    rows = [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
    db.close()
    for kind in ("statistics", "signature", "acoustic-fingerprint"):
        found = get_features(workspace, kind)
        rows.append([(name, values.tobytes()) for name, values in zip(found.ids, found.values, strict=True)])
    with Library(workspace.library_path) as library:
        store = open_store(workspace, library)
    return {track_id: store.frames(row).tobytes() for row, track_id in enumerate(store.ids)}, rows


def start(workspace: Workspace, music: Path) -> subprocess.Popen[str]:
    script = workspace.root.with_suffix(".py")
    script.write_text(SCAN)
    command = [sys.executable, str(script), str(workspace.root), str(music)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stop_after(process: subprocess.Popen[str], n: int, how: signal.Signals) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= n:
            os.kill(process.pid, how)
            break
    process.communicate(timeout=60)


@pytest.mark.parametrize("kill_after", [[1], [2, 7]])
def test_a_killed_scan_goes_on_to_the_same_contents(
    kill_after: list[int], music: Path, whole: Workspace, tmp_path: Path
) -> None:
    killed = Workspace.init(tmp_path / "killed")
    for n in kill_after:
        process = start(killed, music)
        stop_after(process, n, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        with Library(killed.library_path) as library:
            assert n <= len(library.tracks()) + len(library.failures()) < 14
            store = open_store(killed, library)  # consistent, though half a track may lie behind its end
            assert list(store.ids) == list(library.tracks().ids)
    report = scan(killed, [music], jobs=1)
    assert report.added > 0
    assert report.unchanged + report.known_failures >= max(kill_after)
    assert state(killed) == state(whole)


def test_ctrl_c_leaves_a_consistent_workspace(music: Path, whole: Workspace, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "w")
    process = start(workspace, music)
    stop_after(process, 3, signal.SIGINT)
    assert process.returncode not in {0, -signal.SIGKILL}
    with Library(workspace.library_path) as library:
        assert 3 <= len(library.tracks()) + len(library.failures()) < 14
    scan(workspace, [music], jobs=1)
    assert state(workspace) == state(whole)
