"""A scan that is stopped at the end of its time window stores what it has decoded, and the next one goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.ingest.sounds import song, write
from unheard.library import open_library
from unheard.scan.scan import scan
from unheard.workspace import Settings, Workspace

N_FILES = 5


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(N_FILES):
        write(folder / f"{number}.wav", song(number, 7.0))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w", Settings())


def stored(workspace: Workspace) -> list[str]:
    with open_library(workspace.library_path) as library:
        return [Path(track.path).name for track in sorted(library.tracks().items, key=lambda one: one.path)]


def test_a_stopped_scan_goes_on_in_the_next_run(workspace: Workspace, music: Path) -> None:
    calls = count()
    first = scan(workspace, [music], jobs=1, stopped=lambda: next(calls) >= 2)
    assert (first.added, first.left, first.gone) == (2, 3, 0)
    assert stored(workspace) == ["0.wav", "1.wav"]
    second = scan(workspace, [music], jobs=1)
    assert (second.added, second.unchanged, second.left) == (3, 2, 0)
    assert stored(workspace) == [f"{number}.wav" for number in range(N_FILES)]


def window(before: int, after: int) -> str:
    """Return a window from `before` to `after` minutes from now."""
    now = datetime.now().astimezone()
    return f"{now + timedelta(minutes=before):%H:%M}-{now + timedelta(minutes=after):%H:%M}"


def test_commands_work_in_their_window_alone(workspace: Workspace, music: Path, tmp_path: Path) -> None:
    for command in (
        ("scan", music, "-w", workspace.root, "-j", 1),
        ("go", music, "-w", workspace.root, "-o", tmp_path / "lists", "-j", 1),
    ):
        closed = window(60, 120)
        ran = run_command(*command, "--between", closed)
        assert ran.code == 0
        assert ran.stderr.strip().endswith(f"outside of {closed}: nothing done")
        assert not workspace.library_path.exists()
    assert run_command("scan", music, "-w", workspace.root, "-j", 1, "--between", window(-60, 60)).code == 0
    assert len(stored(workspace)) == N_FILES


def test_go_stops_before_the_lists(workspace: Workspace, music: Path, tmp_path: Path) -> None:
    from unheard.go.all_stages import GoOptions, go

    calls = count()
    stop = GoOptions(tmp_path / "lists", stopped=lambda: next(calls) >= 2)
    assert go(workspace, [music], [], stop, say=lambda _: None, report_import=lambda _: None) is None
    assert len(stored(workspace)) == 2
    calls = count()
    stop = GoOptions(tmp_path / "lists", stopped=lambda: next(calls) >= N_FILES)
    assert go(workspace, [music], [], stop, say=lambda _: None, report_import=lambda _: None) is None
    assert len(stored(workspace)) == N_FILES
    assert not (tmp_path / "lists").exists()
