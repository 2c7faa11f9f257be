"""Test several scans, each in its own process, of one workspace at the same time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.sounds import song, write
from tests.scan.test_resume import state
from unheard.errors import Reason
from unheard.library import Library
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.shards import list_shards
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

SCAN = """
import sys
from pathlib import Path
from unheard.scan.scan import scan
from unheard.workspace import Workspace

def wait_once(what, done, total):
    if done == 1:
        print(done, flush=True)
        sys.stdin.readline()

if __name__ == "__main__":
    scan(Workspace.open(Path(sys.argv[1])), [Path(sys.argv[2])], jobs=1, progress=wait_once)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two folders of eight songs each."""
    root = tmp_path_factory.mktemp("folders")
    for n in range(16):
        write(root / f"{n % 2}" / f"{n:02d}.ogg", song(n, 4.0))
    return root / "0", root / "1"


def run_at_once(workspace: Workspace, *sources: Path) -> None:
    """Each process stores its first file and waits for the others."""
    script = workspace.root.with_suffix(".py")
    script.write_text(SCAN)
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(workspace.root), str(source)],
            stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        )
        for source in sources
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors


def test_two_scans_store_what_one_after_the_other_stores(folders: tuple[Path, Path], tmp_path: Path) -> None:
    both, turns = Workspace.init(tmp_path / "both"), Workspace.init(tmp_path / "turns")
    run_at_once(both, *folders)
    for folder in folders:
        scan(turns, [folder], jobs=1)
    assert state(both) == state(turns)
    assert len(list_shards(both.mels_path)) == 2
    assert scan(both, folders, jobs=1) == ScanReport(unchanged=16)


def test_a_file_that_two_scans_meet_is_stored_once(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """The same folder twice, and a folder of copies, at the same time."""
    workspace, copies = Workspace.init(tmp_path / "w"), tmp_path / "copies"
    shutil.copytree(folders[0], copies)
    run_at_once(workspace, folders[0], folders[0], copies)
    with Library(workspace.library_path) as library:
        tracks, failures = library.tracks(), library.failures()
    assert len({track.content_hash for track in tracks.items}) == len(tracks) == 8
    files = {str(path) for folder in (folders[0], copies) for path in folder.iterdir()}
    stored = {track.path for track in tracks.items}
    assert stored | {failure.path for failure in failures} == files
    assert stored.isdisjoint(failure.path for failure in failures)
    assert {failure.reason for failure in failures} == {Reason.DUPLICATE}
    assert scan(workspace, [folders[0], copies], jobs=1) == ScanReport(unchanged=8, known_failures=8)
