"""Test that moved, retagged and replaced files continue their tracks, and that doubtful ones do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from unheard.library import Library, Track
from unheard.scan.scan import ScanReport, scan
from unheard.workspace import Workspace

SECONDS = 8.0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("continued")
    for n in (1, 2):
        tag(write(root / f"music/in/{n}.mp3", song(n, SECONDS)), title=f"Song {n}", artist="Band")
    scan(Workspace.init(root / "w"), [root / "music"], jobs=1)
    return root


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Iterator[Path]:
    """A workspace that is restored after the test, at the same place: paths in the library are absolute."""
    shutil.copytree(template, tmp_path / "kept")
    yield template
    shutil.rmtree(template)
    shutil.copytree(tmp_path / "kept", template)


def tag(path: Path, **tags: str) -> Path:
    file: Any = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file.update(tags)
    file.save()
    return path


def tracks(root: Path) -> dict[str, Track]:
    with Library(Workspace.open(root / "w").library_path) as library:
        return {Path(track.path).name: track for track in library.tracks().items}


def rescan(root: Path) -> ScanReport:
    return scan(Workspace.open(root / "w"), [root / "music"], jobs=1)


def move(root: Path, name: str, new: str) -> Path:
    (root / "music" / new).parent.mkdir(exist_ok=True)
    return (root / "music" / name).rename(root / "music" / new)


def vectors(root: Path) -> dict[str, Any]:
    kinds = ("statistics", "signature", "acoustic-fingerprint")
    return {kind: get_features(Workspace.open(root / "w"), kind).values.tolist() for kind in kinds}


def test_a_moved_and_retagged_file_is_the_same_track_and_is_not_decoded(root: Path) -> None:
    before, features = tracks(root)["1.mp3"], vectors(root)
    tag(move(root, "in/1.mp3", "Band/01 - One.mp3"), title="One", album="First")
    assert rescan(root) == ScanReport(updated=1, unchanged=1)
    after = tracks(root)["01 - One.mp3"]
    assert (after.track_id, after.title, after.album) == (before.track_id, "One", "First")
    assert after.content_hash != before.content_hash
    assert after.source_hash == before.source_hash
    assert vectors(root) == features
    assert rescan(root) == ScanReport(unchanged=2)


def test_a_file_retagged_in_place_is_not_decoded(root: Path) -> None:
    before = tracks(root)["1.mp3"]
    tag(root / "music/in/1.mp3", title="One")
    assert rescan(root) == ScanReport(updated=1, unchanged=1)
    assert (tracks(root)["1.mp3"].track_id, tracks(root)["1.mp3"].title) == (before.track_id, "One")


def test_retagged_files_that_swap_names_follow_their_audio(root: Path) -> None:
    before = tracks(root)
    move(root, "in/1.mp3", "in/aside")
    tag(move(root, "in/2.mp3", "in/1.mp3"), title="Two")
    tag(move(root, "in/aside", "in/2.mp3"), title="One")
    assert rescan(root) == ScanReport(updated=2)
    after = tracks(root)
    assert (after["1.mp3"].track_id, after["1.mp3"].title) == (before["2.mp3"].track_id, "Two")
    assert (after["2.mp3"].track_id, after["2.mp3"].title) == (before["1.mp3"].track_id, "One")


def test_a_retagged_copy_is_another_track_while_the_first_is_there(root: Path) -> None:
    before = tracks(root)["1.mp3"]
    shutil.copy(root / "music/in/1.mp3", root / "music/in/0.mp3")
    tag(root / "music/in/0.mp3", title="One", album="Best of")
    assert rescan(root).added == 1
    after = tracks(root)
    assert (after["1.mp3"].track_id, after["1.mp3"].title) == (before.track_id, before.title)
    assert after["0.mp3"].track_id != before.track_id
    assert after["0.mp3"].audio_hash == before.audio_hash


def test_of_two_tracks_with_the_audio_of_a_file_the_one_with_its_title_goes_on(root: Path) -> None:
    shutil.copy(root / "music/in/1.mp3", root / "music/in/0.mp3")
    tag(root / "music/in/0.mp3", title="Encore")
    rescan(root)
    before = tracks(root)
    for name in ("0.mp3", "1.mp3"):
        tag(move(root, f"in/{name}", f"Band/new {name}"), album="Best of")
    assert rescan(root) == ScanReport(updated=2, unchanged=1)
    after = tracks(root)
    assert [after[f"new {name}"].track_id for name in ("0.mp3", "1.mp3")] == [
        before[name].track_id for name in ("0.mp3", "1.mp3")
    ]


def test_without_a_difference_neither_track_goes_on(root: Path) -> None:
    shutil.copy(root / "music/in/1.mp3", root / "music/in/0.mp3")
    tag(root / "music/in/0.mp3", album="Best of")
    rescan(root)
    (root / "music/in/0.mp3").unlink()
    tag(move(root, "in/1.mp3", "in/new.mp3"), title="Another title")
    report = rescan(root)
    assert (report.added, report.gone, report.unchanged) == (1, 2, 1)


def test_another_encoding_replaces_a_file_that_is_gone(root: Path) -> None:
    before = tracks(root)["1.mp3"]
    (root / "music/in/1.mp3").unlink()
    padded = np.concatenate([np.zeros((30_000, 2), np.float32), 0.6 * song(1, SECONDS)])
    write(root / "music/Band/One.flac", padded)
    report = rescan(root)
    assert (report.changed, report.added, report.gone) == (1, 0, 0)
    after = tracks(root)["One.flac"]
    assert after.track_id == before.track_id
    assert after.source_hash == after.content_hash != before.content_hash
    assert (after.title, after.artists) == ("Song 1", ("Band",))  # the new file has no tags


def test_another_encoding_beside_the_first_and_another_recording_are_tracks_of_their_own(root: Path) -> None:
    write(root / "music/Band/One.flac", song(1, SECONDS))
    assert rescan(root).added == 1
    (root / "music/in/2.mp3").unlink()
    tag(write(root / "music/Band/Two.flac", song(3, SECONDS)), title="Song 2", artist="Band")
    report = rescan(root)
    assert (report.added, report.gone) == (1, 1)


def test_a_disk_that_is_not_scanned_keeps_its_tracks(root: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    write(disk / "3.mp3", song(3, SECONDS))
    workspace = Workspace.open(root / "w")
    scan(workspace, [disk], jobs=1)
    shutil.rmtree(disk)
    write(root / "music/in/3.flac", song(3, SECONDS))
    assert rescan(root).added == 1
    assert not any(track.gone_since for track in tracks(root).values())


def test_the_missing_file_of_a_table_row_is_marked_wherever_it_was(root: Path, tmp_path: Path) -> None:
    sound, table = tmp_path / "3.flac", tmp_path / "table/tracks.csv"
    write(sound, song(3, SECONDS))
    table.parent.mkdir()
    table.write_text(f"track_id,path,title\nt3,{sound},Three\n")
    workspace = Workspace.open(root / "w")
    scan(workspace, [table], jobs=1)
    sound.unlink()
    assert scan(workspace, [table], jobs=1) == ScanReport(gone=1)
    gone = {track.track_id: track.gone_since for track in tracks(root).values()}
    assert gone.pop("t3")
    assert not any(gone.values())
