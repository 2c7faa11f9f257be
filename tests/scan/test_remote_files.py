"""Audio in object storage is scanned as audio on a disk is; the file systems are real ones of fsspec."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.features.stored import get_features
from tests.ingest.sounds import song, write
from tests.scan.test_resume import state
from unheard.errors import UserError
from unheard.features.update import update_features
from unheard.ingest.remote_files import FileStatus, file_status, is_url, list_files, local_file
from unheard.library import Library, Track
from unheard.scan.scan import preview, scan
from unheard.scan.sources import find_sources
from unheard.workspace import Workspace

pytest.importorskip("fsspec", reason="pip install 'unheard[remote]'")
pytestmark = pytest.mark.slow


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket" / "music"
    for number, name in enumerate(("The Band/An Album/01 first song.ogg", "The Band/An Album/02 other.flac", "c.ogg")):
        write(folder / name, song(number, 4.0))
    (folder / "broken.ogg").write_bytes(b"no audio")
    (folder / "cover.jpg").write_bytes(b"")
    write(folder / ".trash" / "deleted.ogg", song(7, 4.0))
    write(folder / "skipped" / "d.ogg", song(8, 4.0))
    (folder / "skipped" / ".nomedia").touch()
    return folder


def tracks(workspace: Workspace) -> list[Track]:
    with Library(workspace.library_path) as library:
        return list(library.tracks().items)


def without_place(workspace: Workspace) -> list[Track]:
    return [replace(track, path="", mtime_ns=0, ctime_ns=0) for track in tracks(workspace)]


@pytest.fixture
def bucket(music: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The music in a server that speaks S3, and its URL."""
    s3fs = pytest.importorskip("s3fs", reason="pip install s3fs")
    moto = pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fs = s3fs.S3FileSystem()
    fs.mkdir("bucket")
    fs.put(str(music), "bucket/music", recursive=True)
    yield "s3://bucket/music"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["file", "s3"])
def test_a_bucket_is_scanned_as_a_folder_is(
    music: Path, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    here, there = Workspace.init(tmp_path / "here"), Workspace.init(tmp_path / "there")
    url = f"file://{music}" if kind == "file" else str(request.getfixturevalue("bucket"))
    local, remote = scan(here, [music], jobs=1), scan(there, [url], jobs=2)
    assert (remote.added, remote.failed) == (local.added, local.failed) == (3, 1)
    assert without_place(there) == without_place(here)
    assert state(there)[0] == state(here)[0]  # the frames of every track
    assert all(track.path.startswith(f"{kind}://") for track in tracks(there))
    assert {track.artist for track in tracks(there)} == {"The Band", ""}  # out of the names of folders
    again = scan(there, [url], jobs=1)
    assert (again.added, again.unchanged, again.known_failures, again.gone) == (0, 3, 1, 0)
    assert preview(there, [url]) == {"unchanged": 3, "known failure": 1}


def test_changed_moved_and_deleted_objects(music: Path, tmp_path: Path) -> None:
    url, workspace = f"file://{music}", Workspace.init(tmp_path / "w")
    scan(workspace, [url], jobs=1)
    before = {Path(track.path).name: track.track_id for track in tracks(workspace)}
    write(music / "c.ogg", song(5, 4.0))
    (music / "The Band" / "An Album" / "02 other.flac").rename(music / "moved.flac")
    report = scan(workspace, [url], jobs=1)
    assert (report.changed, report.updated, report.unchanged, report.added) == (1, 1, 1, 0)
    after = {Path(track.path).name: track.track_id for track in tracks(workspace)}
    assert after == {**{k: v for k, v in before.items() if k != "02 other.flac"}, "moved.flac": before["02 other.flac"]}
    (music / "moved.flac").unlink()
    assert scan(workspace, [url], jobs=1).gone == 1
    shutil.rmtree(music)
    music.mkdir()
    with pytest.raises(UserError, match="mount the disk"):
        scan(workspace, [url], jobs=1)


def test_features_are_extracted_from_objects_too(music: Path, tmp_path: Path) -> None:
    here, there = Workspace.init(tmp_path / "here"), Workspace.init(tmp_path / "there")
    for workspace, source in ((here, music), (there, f"file://{music}")):
        scan(workspace, [source], jobs=1)
        (report,) = update_features(workspace, ["chroma"])
        assert (report.extracted, report.failures) == (3, ())
    local, remote = (get_features(workspace, "chroma") for workspace in (here, there))
    assert list(local.ids) == list(remote.ids)
    assert local.values.tobytes() == remote.values.tobytes()
    (music / "c.ogg").unlink()
    (report,) = update_features(there, ["chroma"], force=True)
    assert (report.extracted, len(report.failures)) == (2, 1)


def test_the_command_takes_urls(music: Path, tmp_path: Path) -> None:
    Workspace.init(tmp_path / "w")
    ran = run_command("scan", "-w", tmp_path / "w", f"file://{music}/c.ogg", "-j", 1)
    assert "1 added" in ran.stderr
    assert "no such file or folder" in run_command("scan", "-w", tmp_path / "w", f"file://{music}/no").error
    unknown = run_command("scan", "-w", tmp_path / "w", "nothing://bucket/a").error
    assert "expected a URL such as s3://BUCKET/FOLDER" in unknown


def test_patterns_exclude_objects(music: Path) -> None:
    found = find_sources([f"file://{music}"], exclude=["The Band/*", "nothing"])
    assert [Path(candidate.path).name for candidate in found.audio] == ["broken.ogg", "c.ogg"]
    assert found.unmatched == ["nothing"]


def test_memory_knows_no_version(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a/b.ogg", b"123")
    assert list_files("memory://bucket") == ["memory:///bucket/a/b.ogg"]
    status = file_status("memory:///bucket/a/b.ogg")
    assert (status.size, status.ctime_ns) == (3, 0)
    assert status.mtime_ns > 0
    with local_file("memory:///bucket/a/b.ogg", "memory:///bucket") as (path, root):
        assert path.read_bytes() == b"123"
        assert root is not None
        assert path.relative_to(root).as_posix() == "a/b.ogg"
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        file_status("memory:///bucket/none")
    memory.rm("/bucket", recursive=True)


def test_paths_and_urls(tmp_path: Path) -> None:
    assert is_url("s3://bucket/a")
    assert not any(map(is_url, (tmp_path, "/music", "C:\\music", "AC/DC: live", "http:/one-slash")))
    (tmp_path / "a").write_bytes(b"12")
    assert isinstance(file_status(str(tmp_path / "a")), FileStatus)


def test_a_name_that_leads_out_of_the_temporary_folder_is_not_read(tmp_path: Path) -> None:
    outside = f"file://{tmp_path}/music/../../stolen/x.mp3"
    with pytest.raises(OSError, match=r"`\.\.`"), local_file(outside, f"file://{tmp_path}/music"):
        pass
