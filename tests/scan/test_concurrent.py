"""Several scans, each a process of its own, into one workspace at the same time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ingest.sounds import song, write
from tests.scan.test_resume import start, state
from unheard.errors import Reason
from unheard.library import Library
from unheard.scan.scan import ScanReport, scan
from unheard.spectrograms.shards import list_shards
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of eight songs each."""
    root = tmp_path_factory.mktemp("folders")
    for n in range(16):
        write(root / f"{n % 2}" / f"{n:02d}.ogg", song(n, 4.0))
    return root / "0", root / "1"


def run_at_once(workspace: Workspace, *sources: Path) -> None:
    processes = [start(workspace, source) for source in sources]
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
    """The same folder twice, and a folder of copies, all at once."""
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
