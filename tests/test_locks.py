"""Locks between processes: one holder, released by a kill, whatever their files hold."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unheard.errors import LockedError
from unheard.locks import one_at_a_time, try_lock

HOLD = """
import sys
from pathlib import Path
from unheard.locks import try_lock
with try_lock(Path(sys.argv[1]), shared=sys.argv[2] == "shared") as taken:
    print(taken, flush=True)
    sys.stdin.read()
"""


def holder(path: Path, *, shared: bool = False) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is killed or its input ends, and wait until it has it."""
    words = [sys.executable, "-c", HOLD, str(path), "shared" if shared else ""]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"SQLite format 3\0 and something else" * 100])
def test_a_lock_has_one_holder_and_a_kill_releases_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.lock"
    path.write_bytes(content)  # such as a power failure leaves
    with holder(path) as process:
        with try_lock(path) as taken:
            assert not taken
        process.kill()
        process.wait()
        with try_lock(path) as taken:
            assert taken


def test_shared_locks_exclude_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path, shared=True) as process:
        with try_lock(path, shared=True) as taken:
            assert taken
            with try_lock(path) as alone:
                assert not alone
        process.kill()


def test_a_waiting_process_gets_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with holder(path) as process:
        assert process.stdin is not None
        threading.Timer(0.2, process.stdin.close).start()
        with try_lock(path, wait_s=30) as taken:
            assert taken


def test_one_at_a_time_names_the_workspace_and_may_be_taken_again(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    with holder(tmp_path / "locks" / "go.lock") as process:
        message = rf"{tmp_path}: another process runs `unheard go` at this moment; wait"
        with pytest.raises(LockedError, match=message), one_at_a_time(tmp_path, "go", "runs `unheard go`"):
            pass
        process.kill()
        process.wait()
        again = one_at_a_time(tmp_path, "go", "runs")
        with one_at_a_time(tmp_path, "go", "runs"), again, try_lock(tmp_path / "locks" / "go.lock") as taken:
            assert not taken


def test_another_thread_waits_too(tmp_path: Path) -> None:
    found: list[type[Exception]] = []

    def take() -> None:
        try:
            with one_at_a_time(tmp_path, "plays", "changes the plays"):
                pass
        except LockedError as error:
            found.append(type(error))

    with one_at_a_time(tmp_path, "plays", "changes the plays"):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    assert found == [LockedError]


def test_a_lock_lets_leftovers_of_killed_processes_be_removed(tmp_path: Path) -> None:
    with one_at_a_time(tmp_path, "go", "runs"):
        dead = subprocess.Popen([sys.executable, "-c", ""])
        dead.wait()
        left = tmp_path / f".factors.safetensors.{dead.pid}-0123abcd.partial"  # as earlier versions named it
        left.touch()
        alive = tmp_path / f".factors.safetensors.{os.getppid()}-0123abcd.partial"
        alive.touch()
    with one_at_a_time(tmp_path, "go", "runs"):
        assert not left.exists()
        assert alive.exists()
