"""Copies of a workspace: they restore to the same, also when made during other commands; damage is refused."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.builders.audio_world import copy_workspace
from tests.builders.command_line import run_command
from tests.builders.contents import contents
from unheard.backup.archive import back_up, check, restore
from unheard.errors import UserError
from unheard.library import open_library
from unheard.locks import one_at_a_time
from unheard.plays import read_playlists, read_plays
from unheard.serve.cookies import cookie_secret
from unheard.serve.keys import make_key
from unheard.spectrograms.store import open_store
from unheard.workspace import Workspace


@pytest.fixture
def workspace(audio_world: Path, tmp_path: Path) -> Workspace:
    workspace = Workspace.open(copy_workspace(audio_world, tmp_path))
    workspace.keys_path.write_text("{}")
    workspace.keys_path.chmod(0o600)
    (workspace.root / ".half.safetensors.1-00000000.partial").write_bytes(b"half")
    (workspace.root / "serve.lock").write_text('{"worker": "a secret"}')
    cookie_secret(workspace)
    for cache in ("indexes", "snapshots"):
        (workspace.root / cache).mkdir()
        (workspace.root / cache / "large.safetensors").write_bytes(b"made again")
    with one_at_a_time(workspace.root, "go", "runs"):
        pass
    return workspace


@pytest.mark.parametrize("name", ["copy.tar.zst", "copy"])
def test_a_restored_workspace_is_the_same(workspace: Workspace, tmp_path: Path, name: str) -> None:
    made = back_up(workspace, tmp_path / name, verify=True)
    assert made.files == check(tmp_path / name).files
    assert not {one for one in made.files if one.endswith((".lock", ".partial", "-wal", "-shm"))}
    root = tmp_path / "restored"
    restore(tmp_path / name, root)
    assert contents(root) == contents(workspace.root)
    assert (root / "keys.json").stat().st_mode & 0o777 == 0o600
    here = {path.relative_to(workspace.root) for path in workspace.root.rglob("*") if path.is_file()}
    there = {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
    left_out = {str(path) for path in here - there if path.parts[0] not in ("indexes", "snapshots", "cookie.secret")}
    assert not {path for path in there if path.parts[0] in ("indexes", "snapshots")}
    assert all(one.endswith((".lock", ".partial", "-wal", "-shm")) for one in left_out), left_out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {"workspace", "world.json", name, "restored"}
    )  # nothing temporary


def test_without_spectrograms_a_scan_makes_them_again(workspace: Workspace, audio_world: Path, tmp_path: Path) -> None:
    before = contents(workspace.root)
    whole, small = (back_up(workspace, tmp_path / f"{n}.tar.zst", spectrograms=bool(n)) for n in (1, 0))
    assert {name for name in whole.files if name.startswith("mels/")} == set(whole.files) - set(small.files)
    restore(tmp_path / "0.tar.zst", tmp_path / "restored")
    assert contents(tmp_path / "restored")["spectrograms"] != before["spectrograms"]
    assert run_command("scan", "-w", tmp_path / "restored", audio_world / "tracks.csv", "-j", 1).code == 0
    assert contents(tmp_path / "restored") == before


def test_a_folder_that_is_not_empty_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    back_up(workspace, tmp_path / "copy")
    for call in (lambda: restore(tmp_path / "copy", workspace.root), lambda: back_up(workspace, tmp_path / "copy")):
        with pytest.raises(UserError, match="expected a new or empty folder"):
            call()
    with pytest.raises(UserError, match="is inside the workspace"):
        back_up(workspace, workspace.root / "copy.tar.zst")
    with pytest.raises(UserError, match="no such file"):
        restore(tmp_path / "nothing.tar.zst", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("kind", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_is_refused_and_leaves_nothing(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    copy = tmp_path / "copy.tar.zst"
    back_up(workspace, copy)
    whole = copy.read_bytes()
    for at in (len(whole) // 3, len(whole) * 2 // 3, len(whole) - 3):
        flipped = bytearray(whole)
        flipped[at] ^= 16
        copy.write_bytes({"cut": whole[:at], "flipped": bytes(flipped), "empty": b"", "text": b"no copy"}[kind])
        for call in (lambda: check(copy), lambda: restore(copy, tmp_path / "restored")):
            with pytest.raises(UserError, match=r"copy\.tar\.zst: (not a whole copy|cannot be read)"):
                call()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.tar.zst", "workspace", "world.json"]


def test_a_changed_file_of_a_folder_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(workspace, copy)
    path = copy / "splits.json"
    text = path.read_bytes()
    for change in (lambda: path.write_bytes(text + b" "), path.unlink, lambda: path.symlink_to("/etc/passwd")):
        change()
        with pytest.raises(UserError, match="not a whole copy of a workspace"):
            restore(copy, tmp_path / "restored")
        assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", "link"])
def test_a_hostile_file_writes_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy.tar.zst"
    with (
        pa.CompressedOutputStream(pa.OSFile(str(copy), "wb"), "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        about = tarfile.TarInfo(name)
        if name == "link":
            about.type, about.linkname = tarfile.SYMTYPE, "/etc"
        else:
            about.size = 1
        tar.addfile(about, io.BytesIO(b"x"))
    with pytest.raises(UserError, match="not a whole copy"):
        restore(copy, tmp_path / "in" / "restored")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["copy.tar.zst"]


WRITES = """
import sys
from tests.builders.command_line import run_command
w, world = sys.argv[1:]
print("ready", flush=True)
for number in range(1000):
    assert run_command("scan", "-w", w, world + "/tracks.csv", "-j", 1, "--force").code == 0
    assert run_command("import", "-w", w, world + f"/{number % 2}.csv").code == 0
    assert run_command("factors", "-w", w, "--dim", 4 + number % 2, "--iterations", 1).code == 0
"""


@pytest.mark.slow
def test_copies_during_other_commands_are_whole(workspace: Workspace, audio_world: Path, tmp_path: Path) -> None:
    """While a process scans by force, imports and fits factors over and over, every copy is a workspace that works."""
    world = tmp_path / "world"
    world.mkdir()
    shutil.copy(audio_world / "tracks.csv", world)
    (world / "audio").symlink_to(audio_world / "audio")
    lines = (audio_world / "playlists.csv").read_text().splitlines(keepends=True)
    for number in range(2):
        (world / f"{number}.csv").write_text("".join([lines[0], *lines[1 + number :: 2]]))
    n_plays = len(read_plays(workspace))
    words = [sys.executable, "-c", WRITES, str(workspace.root), str(world)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            for number in range(12):
                copy, root = tmp_path / f"{number}.tar.zst", tmp_path / f"restored{number}"
                back_up(workspace, copy, verify=True)
                restore(copy, root)
                restored = Workspace.open(root)
                with open_library(restored.library_path) as library:
                    assert library.damage() == []
                    assert open_store(restored, library).ids == library.tracks().ids
                assert len(read_plays(restored)) <= n_plays
                assert len(read_playlists(restored)) == 150
                shutil.rmtree(root)
                assert writer.poll() is None
        finally:
            writer.kill()


def test_a_copy_that_was_written_wrongly_does_not_replace_a_good_one(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.tar.zst"
    back_up(workspace, copy)
    good = copy.read_bytes()

    class Failing(io.FileIO):
        """A disk that writes one bit of each block wrongly."""

        def write(self, block: Any) -> int:
            changed = bytearray(block)
            changed[len(changed) // 2] ^= 16
            return super().write(changed)

    monkeypatch.setattr(pa, "OSFile", lambda path, mode: pa.PythonFile(Failing(path, mode), mode))
    with pytest.raises(UserError, match=r"copy\.tar\.zst: what was written is damaged; check its disk"):
        back_up(workspace, copy, verify=True)
    assert copy.read_bytes() == good
    with pytest.raises(UserError, match="what was written is damaged"):
        back_up(workspace, tmp_path / "new.tar.zst", verify=True)
    assert not (tmp_path / "new.tar.zst").exists()


def test_downloaded_music_is_not_copied(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("albums.json", "audio/song-1.ogg"):
        (workspace.root / "sync" / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.root / "sync" / name).write_bytes(b"{}")
    made = back_up(workspace, tmp_path / "copy")
    assert [name for name in made.files if name.startswith("sync/")] == ["sync/albums.json"]


def test_a_copy_brings_no_commands(workspace: Workspace, tmp_path: Path) -> None:
    """A server runs the jobs that wait in its workspace; those of a copy came from another machine."""
    job = workspace.root / "jobs" / "20261101-000000-abcdef.json"
    job.parent.mkdir()
    job.write_text('{"command": ["init", "-w", "/tmp/elsewhere"], "state": "queued"}')
    made = back_up(workspace, tmp_path / "copy")
    assert not any(name.startswith("jobs/") for name in made.files)
    (tmp_path / "copy" / "jobs").mkdir()  # an older copy, or one that somebody made
    shutil.copy(job, tmp_path / "copy" / "jobs")
    manifest = json.loads((tmp_path / "copy" / "backup.json").read_text())
    hashed = hashlib.sha256(job.read_bytes()).hexdigest()
    manifest["files"][f"jobs/{job.name}"] = [job.stat().st_size, hashed]
    (tmp_path / "copy" / "Cookie.Secret").write_bytes(job.read_bytes())  # the same file where case is ignored
    manifest["files"]["Cookie.Secret"] = [job.stat().st_size, hashed]
    (tmp_path / "copy" / "backup.json").write_text(json.dumps(manifest))
    restore(tmp_path / "copy", tmp_path / "restored")
    assert not (tmp_path / "restored" / "jobs").exists()
    assert not (tmp_path / "restored" / "Cookie.Secret").exists()
    assert contents(tmp_path / "restored") == contents(workspace.root)


def test_restored_files_are_no_more_open_than_the_umask_and_keys_are_the_owner_s(
    workspace: Workspace, tmp_path: Path
) -> None:
    workspace.keys_path.unlink()
    make_key(workspace, "phone")
    back_up(workspace, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o666)  # as a disk without permissions has them
    code = "import os, sys; os.umask(0o027); from unheard.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "restore", "-w", tmp_path / "restored", tmp_path / "copy"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "keys of players and programs in it: phone;" in done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "restored").rglob("*") if path.is_file()}
    assert modes.pop("keys.json") == 0o600
    assert set(modes.values()) == {0o640}


def test_a_manifest_that_is_nested_too_deeply_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    back_up(workspace, tmp_path / "copy")
    (tmp_path / "copy" / "backup.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match="not a whole copy"):
        check(tmp_path / "copy")
