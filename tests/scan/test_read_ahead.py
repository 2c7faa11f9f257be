"""Reading files before it is decided about them stores what a scan stores that decides first."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import astuple
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

from tests.ingest.sounds import cut, song, write
from tests.scan.test_resume import state
from unheard.errors import AudioError
from unheard.ingest.workers import FileTask
from unheard.scan.scan import scan
from unheard.spectrograms.shards import StoredMel
from unheard.spectrograms.store import mel_writer, open_store, shards_of_tasks
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow
MUSIC = ("a.ogg", "b.flac", "c.ogg", "d.flac")


def run_here(
    function: Callable[..., Any], tasks: Iterable[FileTask[Any]], *, ahead: int = 3
) -> Generator[tuple[Any, Any]]:
    """Run tasks in this process, each after the next ones were taken."""
    waiting: list[tuple[Any, Any]] = []
    for task in tasks:
        try:
            outcome = None if task.arguments is None else function(*task.arguments)
        except AudioError as error:
            outcome = error
        waiting.append((task.key, outcome))
        if len(waiting) > ahead:
            yield waiting.pop(0)
    yield from waiting


def tag(path: Path, **names: str) -> None:
    file = mutagen.File(path)
    for name, value in names.items():
        file[name] = [value]
    file.save()


def rename_in_a_circle(folder: Path) -> None:
    for source, target in (("a.ogg", "x.ogg"), ("c.ogg", "a.ogg"), ("x.ogg", "c.ogg")):
        (folder / source).rename(folder / target)


def retag_and_move(folder: Path) -> None:
    tag(folder / "b.flac", title="Another title", artist="Somebody")
    (folder / "sub").mkdir()
    (folder / "b.flac").rename(folder / "sub" / "01 b.flac")


def retag_in_place(folder: Path) -> None:
    tag(folder / "d.flac", title="New tags, the same sound")


def copy_and_damage(folder: Path) -> None:
    shutil.copy(folder / "a.ogg", folder / "0 copy.ogg")
    shutil.copy(folder / "a.ogg", folder / "z copy.ogg")
    (folder / "empty.ogg").write_bytes(b"")
    cut(folder / "c.ogg", folder / "half.ogg")


def replace_one_and_swap(folder: Path) -> None:
    (folder / "0 copy.ogg").unlink()
    (folder / "d.flac").rename(folder / "a.flac")
    tag(folder / "a.flac", title="Moved and tagged")
    write(folder / "d.flac", song(9, 4.0))


def delete(folder: Path) -> None:
    (folder / "c.ogg").unlink()


STEPS = (copy_and_damage, rename_in_a_circle, retag_and_move, retag_in_place, replace_one_and_swap, delete)


def test_the_library_is_the_same_whatever_happens_to_the_files(tmp_path: Path) -> None:
    music = tmp_path / "music"
    for number, name in enumerate(MUSIC):
        write(music / name, song(number, 4.0))
    planned, ahead = (Workspace.init(tmp_path / name) for name in ("planned", "ahead"))
    for change in (lambda folder: None, *STEPS):
        change(music)
        reports = [scan(planned, [music], jobs=1), scan(ahead, [music], jobs=1, extract=run_here)]
        assert astuple(reports[0]) == astuple(reports[1]), change
        assert state(planned) == state(ahead), change
    assert not list(ahead.root.glob(".scan-*"))
    forced = [
        scan(workspace, [music], jobs=1, extract=run, force=True)
        for workspace, run in ((planned, None), (ahead, run_here))
    ]
    assert astuple(forced[0]) == astuple(forced[1])
    assert state(planned) == state(ahead)


def stored_by_tasks(workspace: Workspace) -> Callable[..., Any]:
    """Run tasks here, and store their spectrograms in a claimed shard, as a cluster does."""
    from unheard.cluster.scan import _with_stored_mel

    def run(function: Callable[..., Any], tasks: Iterable[FileTask[Any]]) -> Generator[tuple[Any, Any]]:
        with shards_of_tasks(workspace) as shards, mel_writer(workspace, shards.with_room(1)) as writer:
            for key, outcome in run_here(function, tasks):
                yield key, _with_stored_mel(outcome, writer)

    return run


def test_tasks_store_spectrograms_themselves(tmp_path: Path) -> None:
    """Also where a file continues a track, so that the driver stores it under another id."""
    music = tmp_path / "music"
    for number, name in enumerate(MUSIC[:2]):
        write(music / name, song(number, 4.0))
    planned, stored = (Workspace.init(tmp_path / name) for name in ("planned", "stored"))
    scan(planned, [music], jobs=1)
    scan(stored, [music], jobs=1, extract=stored_by_tasks(stored))
    assert state(planned) == state(stored)
    retag_and_move(music)  # and reads as another encoding: continues the track, under its id
    write(music / "sub" / "again.ogg", song(0, 4.0))
    (music / "a.ogg").unlink()
    for workspace, run in ((planned, None), (stored, stored_by_tasks(stored))):
        scan(workspace, [music], jobs=1, extract=run)
    assert state(planned) == state(stored)


def test_what_tasks_store_is_neither_compacted_nor_overwritten(tmp_path: Path) -> None:
    music = tmp_path / "music"
    write(music / "a.ogg", song(0, 4.0))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [music], jobs=1)
    from unheard.library import open_library

    with open_library(workspace.library_path) as library:
        frames = open_store(workspace, library).frames(0)
        with shards_of_tasks(workspace) as shards:
            numbers = shards.with_room(2)
            with mel_writer(workspace, numbers) as first, mel_writer(workspace, numbers) as second:
                one, two = (writer.append(f"new{n}", frames, "h") for n, writer in enumerate((first, second)))
                assert {one.shard, two.shard} == set(numbers)
                with mel_writer(workspace, numbers) as third:
                    assert not third.claim()
                with mel_writer(workspace) as local:  # a lock of a shard is one lock for every writer
                    assert local.append("other", frames, "o").shard not in numbers
            with mel_writer(workspace) as driver:
                driver.compact(library)
                assert driver.append("new0", one, "h") is one  # nothing to do
                copied = driver.append("old", one, "h")  # under another id
                assert isinstance(copied, StoredMel)
                assert copied.entry.n_frames == len(frames)
        with mel_writer(workspace) as writer:
            writer.compact(library)  # of what no track has, nothing is left
        assert len(list(workspace.mels_path.glob("*.index"))) == 1
        assert np.array_equal(open_store(workspace, library).frames(0), frames)


def test_a_task_that_outlives_its_scan_keeps_its_shard(tmp_path: Path) -> None:
    """As after an interrupted scan on a cluster: another scan writes elsewhere, and removes nothing of the task's."""
    music = tmp_path / "music"
    write(music / "a.ogg", song(0, 4.0))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [music], jobs=1)
    from unheard.library import open_library
    from unheard.spectrograms.shards import Shard

    with open_library(workspace.library_path) as library, ExitStack() as stack:
        frames = open_store(workspace, library).frames(0)
        with shards_of_tasks(workspace) as shards:
            task = stack.enter_context(mel_writer(workspace, [1 + shards.with_room(1)[0]]))
            first = task.append("late", frames, "h")
        with mel_writer(workspace) as other:
            assert other.append("other", frames, "o").shard != first.shard
            other.compact(library)
        second = task.append("later", frames, "h")
        assert second.shard == first.shard
        assert [one.track_id for one in Shard(workspace.mels_path, first.shard).entries()] == ["late", "later"]


def test_forced_scans_of_tasks_write_behind_the_entries_that_they_replace(tmp_path: Path) -> None:
    """Of entries with one hash the last counts, so no shard before the last one is named to tasks."""
    music = tmp_path / "music"
    write(music / "a.ogg", song(0, 4.0))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [music], jobs=1)
    for suffix in ("frames", "index"):
        (workspace.mels_path / f"0000.{suffix}").rename(workspace.mels_path / f"0003.{suffix}")
    with shards_of_tasks(workspace) as shards:
        assert shards.with_room(2) == [3, 4]


def test_a_full_shard_is_claimed_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unheard.spectrograms import shards

    music = tmp_path / "music"
    write(music / "a.ogg", song(0, 4.0))
    workspace = Workspace.init(tmp_path / "w")
    scan(workspace, [music], jobs=1)
    with shards_of_tasks(workspace) as named:
        assert named.with_room(2) == [0, 1]
        monkeypatch.setattr(shards, "MAX_SHARD_FRAMES", 10)
        assert named.with_room(2) == [1, 2]
