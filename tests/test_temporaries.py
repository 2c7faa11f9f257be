"""Temporary files: named after their process, removed after its death, and never before."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from unheard.temporaries import FOREIGN_S, HOST, remove_leftovers, scratch_folder, temporary_beside

DIE = """
import os, signal, sys
from pathlib import Path
from unheard.temporaries import scratch_folder, temporary_beside
with temporary_beside(Path(sys.argv[1]) / f"{{os.getpid()}}.safetensors") as path, scratch_folder("upload") as folder:
    path.write_bytes(b"half")
    (folder / "song.mp3").write_bytes(b"half")
    print(path, folder, flush=True)
    {end}
"""
KILL, WAIT = "os.kill(os.getpid(), signal.SIGKILL)", "sys.stdin.read()"


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)


def started(root: Path, end: str) -> tuple[subprocess.Popen[str], list[Path]]:
    code = DIE.format(end=end)
    words = [sys.executable, "-c", code, str(root)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, [Path(one) for one in process.stdout.readline().split()]


def test_what_a_killed_process_leaves_is_removed_and_that_of_a_live_one_is_not(tmp_path: Path) -> None:
    root = tmp_path / "w" / "maps"
    root.mkdir(parents=True)
    with started(root, WAIT)[0] as alive:
        dead, left = started(root, KILL)
        dead.communicate()
        kept = [path for path in (*root.iterdir(), *(tmp_path / "scratch").iterdir()) if path not in left]
        assert len(left) == len(kept) == 2
        assert all(path.exists() for path in (*left, *kept))
        assert sorted(remove_leftovers(tmp_path / "w")) == sorted(left)
        assert all(path.exists() for path in kept)
        assert alive.stdin is not None
        alive.stdin.close()
    assert not any(path.exists() for path in kept)


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="only Linux tells")
def test_a_killed_process_that_nobody_has_asked_for_is_dead(tmp_path: Path) -> None:
    dead, left = started(tmp_path, KILL)
    with dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
        assert sorted(remove_leftovers(tmp_path)) == sorted(left)


def test_a_new_scratch_folder_removes_those_of_killed_processes(tmp_path: Path) -> None:
    dead, (_, left) = started(tmp_path, KILL)
    dead.communicate()
    assert left.exists()
    with scratch_folder("another"):
        assert left.exists()
    with scratch_folder("upload") as made:
        assert [made] == list((tmp_path / "scratch").iterdir())


def test_own_files_stay_unless_an_earlier_process_had_this_number(tmp_path: Path) -> None:
    earlier = tmp_path / f".plays.parquet.{HOST}.{os.getpid()}-00000000.partial"
    earlier.touch()
    with temporary_beside(tmp_path / "tracks.parquet") as own, scratch_folder() as folder:
        own.touch()
        assert remove_leftovers(tmp_path) == [earlier]
        assert own.exists()
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not own.exists()
    assert not folder.exists()


def test_files_of_another_machine_stay_for_a_day_and_other_names_for_ever(tmp_path: Path) -> None:
    other = "0" * 6 if HOST != "0" * 6 else "1" * 6
    theirs = tmp_path / f".plays.parquet.{other}.1-00000000.partial"
    strange = [tmp_path / name for name in (".partial", ".a.partial", "a.1-00000000.partial", ".a.x-1.partial")]
    for path in (theirs, *strange):
        path.touch()
    assert remove_leftovers(tmp_path) == []
    long_ago = theirs.stat().st_mtime - FOREIGN_S - 1
    for path in (theirs, *strange):
        os.utime(path, (long_ago, long_ago))
    assert remove_leftovers(tmp_path) == [theirs]
