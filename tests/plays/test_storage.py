"""Test that plays are stored atomically."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.plays import (
    Play,
    PlayCounts,
    Plays,
    count_plays,
    plays_file,
    read_playlists,
    read_plays,
    replace_playlists,
    storage,
)
from unheard.workspace import Workspace

PLAYS = [Play("p2", "a", 0), Play("p1", "b", 0, 2.0), Play("p1", "b", 1), Play("p1", "gone", 2, 1.0, 5.0)]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


def files(workspace: Workspace) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in workspace.plays_dir.iterdir()}


def test_before_the_first_import_there_are_none(workspace: Workspace) -> None:
    assert list(read_plays(workspace)) == []
    assert read_plays(workspace).for_tracks(IdMap("ab")).matrix.shape == (0, 2)
    assert count_plays(workspace) == PlayCounts(0, 0)
    assert read_playlists(workspace) == []


def test_importing_twice_changes_nothing(workspace: Workspace) -> None:
    replace_playlists(workspace, Plays.of(PLAYS), origins={"p1": "/lists/p1.m3u"}, names={"p2": "Two"})
    before = files(workspace)
    replace_playlists(workspace, Plays.of(PLAYS), origins={"p1": "/lists/p1.m3u"}, names={"p2": "Two"})
    assert files(workspace) == before
    assert list(read_plays(workspace)) == sorted(PLAYS)
    assert count_plays(workspace) == PlayCounts(2, 4)
    assert [(one.playlist_id, one.name, one.origin) for one in read_playlists(workspace)] == [
        ("p1", "p1", "/lists/p1.m3u"),
        ("p2", "Two", ""),
    ]


def test_playlists_are_replaced_whole_and_the_others_stay(workspace: Workspace) -> None:
    replace_playlists(workspace, Plays.of(PLAYS))
    replace_playlists(workspace, Plays.of([Play("p1", "c", 0), Play("p0", "a", 7)]))
    assert list(read_plays(workspace)) == [Play("p0", "a", 7), Play("p1", "c", 0), Play("p2", "a", 0)]
    assert list(read_plays(workspace).track_ids) == ["a", "c"]
    assert count_plays(workspace) == PlayCounts(3, 3)
    assert len(list(workspace.plays_dir.glob("plays-*"))) == 1


def test_an_import_without_plays_changes_nothing(workspace: Workspace) -> None:
    replace_playlists(workspace, Plays.of(PLAYS))
    before = files(workspace)
    replace_playlists(workspace, Plays.of([]))
    replace_playlists(workspace, Plays.of(PLAYS).for_tracks(IdMap(["other"])))
    assert files(workspace) == before


def test_many_row_groups(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plays_file, "ROW_GROUP", 7)
    rng = np.random.default_rng(0)
    rows = [
        Play(f"p{playlist}", f"t{rng.integers(50)}", n, float(rng.integers(1, 9)), None if n % 3 else float(n))
        for playlist in range(20)
        for n in range(int(rng.integers(1, 12)))
    ]
    replace_playlists(workspace, Plays.of(rows))
    assert list(read_plays(workspace)) == sorted(rows, key=lambda play: (play.playlist_id, play.position))
    (path,) = workspace.plays_dir.glob("plays-*")
    assert pq.ParquetFile(path).num_row_groups == -(-len(rows) // 7)
    assert pq.read_table(path).column_names == ["playlist_id", "track_id", "position", "weight", "timestamp"]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("dies_at", ["plays", "playlists"])
def test_a_killed_change_leaves_the_old_plays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, dies_at: str, *, is_first: bool
) -> None:
    replace_playlists(workspace, Plays.of([] if is_first else PLAYS))
    before = list(read_plays(workspace))

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if dies_at == "plays":
            patch.setattr(storage, "write_plays_file", dies)
        else:
            patch.setattr("pyarrow.parquet.write_table", dies)
        with pytest.raises(KeyboardInterrupt):
            replace_playlists(workspace, Plays.of([Play("p1", "c", 0)]))
    (workspace.plays_dir / ".plays-9.parquet.1.partial").write_bytes(b"half")  # as a kill leaves it
    assert list(read_plays(workspace)) == before
    replace_playlists(workspace, Plays.of([Play("p1", "c", 0)]))
    assert list(read_plays(workspace)) == [Play("p1", "c", 0), *([] if is_first else [Play("p2", "a", 0)])]
    assert len(list(workspace.plays_dir.iterdir())) == 2


@pytest.mark.parametrize("which", ["plays-1.parquet", "playlists.parquet"])
@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_damage_is_named(workspace: Workspace, which: str, damage: bytes | None) -> None:
    replace_playlists(workspace, Plays.of(PLAYS))
    path = workspace.plays_dir / which
    if damage is None:
        damage = path.read_bytes()[:-30]
    path.write_bytes(damage)
    for read in (read_plays, count_plays):
        with pytest.raises(UserError, match=f"{which}: damaged"):
            read(workspace)
    assert which in str(storage.storage_problem(workspace))


def test_lost_playlists_are_not_taken_for_a_killed_first_import(workspace: Workspace) -> None:
    replace_playlists(workspace, Plays.of(PLAYS))
    (workspace.plays_dir / "playlists.parquet").unlink()
    with pytest.raises(UserError, match=r"playlists\.parquet: is missing"):
        read_plays(workspace)


def test_a_newer_format_is_refused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storage, "FORMAT_VERSION", 99)
        replace_playlists(workspace, Plays.of(PLAYS))
    with pytest.raises(UserError, match=r"playlists\.parquet: format version 99 is newer than 2; update unheard"):
        read_plays(workspace)


@pytest.mark.parametrize("read", [read_plays, count_plays])
def test_a_read_that_overlaps_with_imports_returns_the_new_plays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, read: Callable[[Workspace], Any]
) -> None:
    """Two imports replace the file of plays, each between the reader's look at playlists.parquet and its next read."""
    pending = ["c", "d"]

    def after_an_import(open_file: Callable[..., object]) -> Callable[..., object]:
        def opened(path: Path, **options: object) -> object:
            nonlocal pending
            if pending and path.name.startswith("plays-"):
                (track, *later), pending = pending, []
                replace_playlists(workspace, Plays.of([Play("p1", track, 0)]))
                pending = later
            return open_file(path, **options)

        return opened

    replace_playlists(workspace, Plays.of(PLAYS))
    monkeypatch.setattr(pq, "ParquetFile", after_an_import(pq.ParquetFile))
    monkeypatch.setattr(pq, "read_metadata", after_an_import(pq.read_metadata))
    found = read(workspace)
    assert pending == []
    assert found == PlayCounts(2, 2) or list(found) == [Play("p1", "d", 0), Play("p2", "a", 0)]
