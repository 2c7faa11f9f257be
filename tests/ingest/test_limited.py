"""A file may end, stop or fill the process that reads it; the caller gets one line, and the next file is read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.builders import careless_readers as careless
from unheard.errors import TableError
from unheard.ingest import limited as module
from unheard.ingest.limited import limited


@pytest.fixture(autouse=True)
def _own_process() -> None:
    """A process that another test has started in another folder cannot import the readers of these tests."""
    module.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    return path


def test_a_result_comes_from_another_process_which_is_kept(file: Path) -> None:
    assert limited(careless.size_of, file) == 5
    first = limited(careless.own_process, file)
    assert first == limited(careless.own_process, file) != os.getpid()


def test_errors_of_ours_arrive_whole(file: Path) -> None:
    with pytest.raises(TableError) as caught:
        limited(careless.refuse, file)
    assert (caught.value.path, caught.value.row, caught.value.problem) == (file, 7, "no")


@pytest.mark.parametrize(
    ("reader", "says"),
    [
        (careless.end_the_process, "SIGABRT"),
        (careless.never_return, r"after 0\.5"),
        (careless.raise_another_error, "KeyError"),
    ],
)
def test_a_crash_a_hang_and_a_bug_are_one_line(
    reader: object, says: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(careless.size_of, file)  # so that the start of the process is not counted
    monkeypatch.setattr(module, "LIMIT_S", 0.5)
    with pytest.raises(TableError, match=says) as caught:
        limited(reader, file)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert limited(careless.size_of, file) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds private memory on Linux alone")
def test_memory_is_bounded_for_each_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limited(careless.take_memory, file, 500_000_000) == 500_000_000
    monkeypatch.setattr(module, "MEMORY_BYTES", 300_000_000)
    with pytest.raises(TableError, match="not enough memory"):
        limited(careless.take_memory, file, 500_000_000)
    monkeypatch.undo()
    assert limited(careless.take_memory, file, 500_000_000) == 500_000_000


def test_a_script_without_a_main_guard_runs_once(file: Path) -> None:
    """`multiprocessing` would import the script again in the other process."""
    script = file.with_name("script.py")
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from unheard.ingest.limited import limited
        from tests.builders.careless_readers import size_of
        print("runs", limited(size_of, Path({str(file)!r})))
        """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == ("runs 5\n", "")


def test_a_relative_path_is_below_the_present_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is kept while a program goes to other folders."""
    assert limited(careless.size_of, file) == 5
    monkeypatch.chdir(file.parent)
    assert limited(careless.size_of, Path(file.name)) == 5
