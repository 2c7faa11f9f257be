"""Test scans of files as they are: retagged behind the back, in recycle bins, damaged, on a disk that is full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import mutagen
import pytest
from mutagen.flac import FLAC

from tests.builders.command_line import run_command
from tests.ingest.sounds import song, write
from unheard.errors import Reason, UserError
from unheard.library import Failure, Library, Track
from unheard.scan.scan import ScanReport, preview, scan
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "w")


def tracks(workspace: Workspace) -> dict[str, Track]:
    with Library(workspace.library_path) as library:
        return {Path(track.path).name: track for track in library.tracks().items}


def failures(workspace: Workspace) -> dict[str, Failure]:
    with Library(workspace.library_path) as library:
        return {Path(failure.path).name: failure for failure in library.failures()}


def retag(path: Path, title: str) -> None:
    """Write a title of the same length, and restore the modification time, as some taggers do."""
    before = path.stat()
    file = FLAC(path)
    file["title"] = title
    file.save()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def test_tag_edits_that_keep_time_and_size_are_seen(workspace: Workspace, tmp_path: Path) -> None:
    music = tmp_path / "music"
    path = write(music / "a.flac", song(1, 1.5))
    retag_once = FLAC(path)
    retag_once["title"] = "First"
    retag_once.save()
    scan(workspace, [music], jobs=1)
    first = tracks(workspace)["a.flac"]
    retag(path, "Other")
    assert scan(workspace, [music], jobs=1) == ScanReport(updated=1)  # its sound is the same: not decoded
    found = tracks(workspace)["a.flac"]
    assert (found.track_id, found.title, found.ctime_ns) == (first.track_id, "Other", path.stat().st_ctime_ns)
    path.chmod(0o600)  # a new change time with the same bytes
    assert scan(workspace, [music], jobs=1) == ScanReport(unchanged=1)
    assert tracks(workspace)["a.flac"].ctime_ns == path.stat().st_ctime_ns


def test_a_library_without_change_times_is_not_read_again(workspace: Workspace, tmp_path: Path) -> None:
    music = tmp_path / "music"
    path = write(music / "a.flac", song(1, 1.5))
    scan(workspace, [music], jobs=1)
    with Library(workspace.library_path) as library, library.transaction():
        (track,) = library.tracks().items
        library.put_track(Track(**{**vars(track), "ctime_ns": 0}))
    path.chmod(0)  # reading it would fail, unless the user may read everything
    assert scan(workspace, [music], jobs=1) == ScanReport(unchanged=1)
    assert tracks(workspace)["a.flac"].ctime_ns == path.stat().st_ctime_ns


def test_a_copy_in_a_recycle_bin_does_not_win(workspace: Workspace, tmp_path: Path) -> None:
    """An earlier version has stored the copy, and the real file as its duplicate."""
    music = tmp_path / "music"
    write(music / "#recycle" / "a.wav", song(1, 1.5))
    (music / "Band").mkdir()
    shutil.copy(music / "#recycle" / "a.wav", music / "Band" / "real.wav")
    scan(workspace, [music / "#recycle", music / "Band"], jobs=1)
    (kept,) = tracks(workspace).values()
    assert "#recycle" in kept.path
    scan(workspace, [music], jobs=1)
    (found,) = tracks(workspace).values()
    assert (found.track_id, found.path) == (kept.track_id, str(music / "Band" / "real.wav"))
    assert not failures(workspace)
    assert scan(workspace, [music], jobs=1) == ScanReport(unchanged=1)


def damaged_mp3(path: Path, share: float) -> Path:
    """Write 20 s of MP3 with a part of the middle overwritten by zeros."""
    data = bytearray(write(path, song(3, 20.0)).read_bytes())
    n, middle = int(len(data) * share), len(data) // 2
    data[middle : middle + n] = bytes(n)
    path.write_bytes(data)
    return path


def test_a_damaged_middle_is_accepted_on_request(workspace: Workspace, tmp_path: Path) -> None:
    music = tmp_path / "music"
    damaged_mp3(music / "small.mp3", 0.06)
    damaged_mp3(music / "large.mp3", 0.30)
    remarks: list[str] = []
    assert scan(workspace, [music], jobs=1) == ScanReport(failed=2)
    assert {name: failure.reason for name, failure in failures(workspace).items()} == {
        "small.mp3": Reason.TRUNCATED,
        "large.mp3": Reason.TRUNCATED,
    }
    assert "--accept-damaged" in failures(workspace)["small.mp3"].detail
    assert preview(workspace, [music], accept_damaged=10.0) == {"decode": 2}
    report = scan(workspace, [music], jobs=1, accept_damaged=10.0, remark=remarks.append)
    assert (report.added, report.failed, report.accepted_with_damage) == (1, 1, 1)
    assert len(remarks) == 1
    assert "small.mp3: accepted, though" in remarks[0]
    share = float(remarks[0].split("though ")[1].split("%")[0]) / 100
    assert share == pytest.approx(0.06, abs=0.02)
    length_s = mutagen.File(music / "small.mp3").info.length
    assert tracks(workspace)["small.mp3"].duration_s == pytest.approx((1 - share) * length_s, abs=0.1)
    assert preview(workspace, [music], accept_damaged=10.0) == {"unchanged": 1, "known failure": 1}
    assert preview(workspace, [music])["unchanged"] == 1  # it stays without the option


def test_names_of_folders_count_below_the_scanned_folder(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path / "music" / "Band" / "Record" / "01 Song.wav", song(1, 1.5))
    scan(workspace, [tmp_path / "music"], jobs=1)
    (found,) = tracks(workspace).values()
    assert (found.title, found.artists, found.album) == ("Song", ("Band",), "Record")


def test_the_command_tells_what_it_left_out(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("Live [2009]/a.mp3", "ok/b.mp3", "ok/cover.jpg", "@eaDir/c.mp3"):
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).touch()
    folder = ("scan", "-w", workspace.root, tmp_path / "music", "--dry-run")
    ran = run_command(*folder, "--exclude", "Live [2009]", "--exclude", "typo")
    assert ran.code == 0
    assert ran.stderr.splitlines() == [
        "--exclude 'typo' matched nothing; expected a name, a path or a glob",
        "passed over: 1 .jpg; folders left out: 1 @eaDir",
        "would be: 1 decode",
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # the result of the command holds files open


def test_a_full_disk_is_no_damage(small_disk: Path, tmp_path: Path) -> None:
    for seed in range(8):
        write(tmp_path / "music" / f"{seed}.wav", song(seed, 12.0))
    workspace = Workspace.init(small_disk / "w")
    with pytest.raises(UserError, match="make room and run the same command again") as caught:
        scan(workspace, [tmp_path / "music"], jobs=1)
    assert "restore" not in str(caught.value)
    track_id = next(iter(tracks(workspace).values())).track_id
    with suppress(OSError), (small_disk / "rest").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    (tmp_path / "plays.csv").write_text(f"playlist_id,track_id\np,{track_id}\n")
    assert "make room" in run_command("import", "-w", workspace.root, tmp_path / "plays.csv").error
    (small_disk / "rest").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    report = scan(workspace, [tmp_path / "music"], jobs=1)
    assert report.added + report.unchanged == 8
    assert report.failed == 0
    assert report.unchanged > 0
