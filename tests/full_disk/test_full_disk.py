"""Commands on a full disk: one line that names disk and folder, nothing half written, and they complete with room.

The disk is a real one, of memory, which only root can mount; elsewhere these tests are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.builders.contents import contents
from tests.builders.processes import Finished, run
from tests.builders.server import running
from unheard.serve.config import ServeConfig
from unheard.system_errors import is_full

pytestmark = pytest.mark.long
MIB = 2**20
ENV = {"UNHEARD_BF16": "off"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount or "mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a disk can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk but for `leave` bytes; return the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - leave))
    return filler


# command, whether it needs the workspace after training, room that is left, in bytes
CASES = [
    ("scan", 0), ("scan", 100_000), ("scan", 400_000),
    ("import", 0), ("import", 4096),
    ("split", 0),
    ("factors", 0), ("factors", 8192),
    ("features", 0),
    ("train", 0), ("train", 60_000),
    ("map", 0),
    ("backup", 0), ("backup", 200_000),
]  # fmt: skip


def command(name: str, w: Path, world: Path) -> tuple[object, ...]:
    return {
        "scan": ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        "import": ("import", "-w", w, world / "playlists.csv"),
        "split": ("split", "-w", w),
        "factors": ("factors", "-w", w, "--dim", 8),
        "features": ("features", "-w", w, "--kind", "chroma", "-j", 1),
        "train": ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
        "map": ("map", "-w", w, "--model", "tiny", "--split", "artists"),
        "backup": ("backup", "-w", w, w.parent / "copy.tar.zst"),
    }[name]


def emptied(w: Path, name: str) -> None:
    """Remove from a finished workspace what a command makes, and all that is made from it."""
    made = {
        "scan": ("library.sqlite", "mels", "features", "plays", "splits.json", "factors", "models"),
        "import": ("plays", "splits.json", "factors", "models"),
        "split": ("splits.json", "factors", "models"),
        "factors": ("factors", "models"),
        "train": ("models",),
    }
    for one in made.get(name, ()):
        shutil.rmtree(w / one) if (w / one).is_dir() else (w / one).unlink(missing_ok=True)


@pytest.mark.parametrize(("name", "leave"), CASES)
def test_a_full_disk_is_one_line_and_the_command_completes_with_room(
    name: str, leave: int, disk: Path, audio_world: Path, tmp_path: Path
) -> None:
    w, whole = disk / "w", tmp_path / "whole"
    for folder in (w, whole):
        shutil.copytree(audio_world / "workspace", folder)
        emptied(folder, name)
    assert run(*command(name, whole, audio_world), env=ENV).code == 0
    filler = fill(disk, leave)
    ran = run(*command(name, w, audio_world), env=ENV)
    assert_explained(ran, disk)
    assert not list(disk.rglob(".*.partial"))
    assert not (disk / "copy.tar.zst").exists()
    filler.unlink()
    again = run(*command(name, w, audio_world), env=ENV)
    assert again.code == 0, again
    if name == "backup":
        assert run("restore", disk / "copy.tar.zst", "--dry-run", "-w", w).code == 0
    assert contents(w) == contents(whole)


def assert_explained(ran: Finished, disk: Path) -> None:
    """The last line says that the disk is full, and names it; nothing else looks like an error."""
    assert ran.code == 2, ran
    assert ran.error.startswith("error: "), ran
    assert f"({disk}) is full; make room and run the same command again" in ran.error, ran
    assert "Traceback" not in ran.stderr
    assert "restore it from a copy" not in ran.stderr
    assert ran.stderr.count("error:") == 1, ran


def test_go_and_status_on_a_full_disk(disk: Path, audio_world: Path) -> None:
    """`status` reads, so it works; `go` stops with the same line, and goes on with room."""
    words = ("go", audio_world / "tracks.csv", "-w", disk / "w", "-o", disk / "lists", "-j", 1)
    assert run("init", "-w", disk / "w").code == 0
    filler = fill(disk, 300_000)
    assert_explained(run(*words, env=ENV), disk)
    assert is_full(disk) or not list(disk.rglob(".*.partial"))
    status = run("status", "-w", disk / "w")
    assert status.code == 0, status
    told = run("doctor", "-w", disk / "w")  # what was not stored any more is named, with the command that makes it
    assert "unheard doctor" in status.stdout
    assert f"unheard scan -w {disk / 'w'}" in told.stdout + told.stderr, told
    filler.unlink()
    assert run(*words, env=ENV).code == 0
    assert list((disk / "lists").glob("*.m3u8"))


@pytest.mark.parametrize("blocks", [2, 64])  # too small for files of SQLite, or of factors
def test_a_limit_of_file_sizes_is_explained(blocks: int, audio_world: Path, tmp_path: Path) -> None:
    """RLIMIT_FSIZE, as a shell's `ulimit -f` sets it."""
    w = tmp_path / "w"
    shutil.copytree(audio_world / "workspace", w)
    emptied(w, "factors")
    words = [*(str(word) for word in command("factors", w, audio_world)[:-1]), "200"]
    script = f"ulimit -f {blocks}; exec {sys.executable} -m unheard {' '.join(words)}"  # in blocks of 1024 bytes
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran
    assert "larger than this process or file system may write; raise the limit (ulimit -f)" in ran.stderr
    assert not list(w.rglob(".*.partial"))
    assert run(*words).code == 0


def test_a_read_only_disk_is_explained(disk: Path, audio_world: Path) -> None:
    shutil.copytree(audio_world / "workspace", disk / "w")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for name in ("import", "factors", "map"):
        ran = run(*command(name, disk / "w", audio_world), env=ENV)
        assert ran.code == 2, ran
        assert "read-only; mount it for writing" in ran.error or "writable for this user" in ran.error, ran
    assert run("status", "-w", disk / "w").code == 0


def test_a_server_answers_507_and_goes_on_with_room(
    disk: Path, audio_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading works; what has to be stored, and an upload, are refused with the disk's name."""
    w = disk / "w"
    shutil.copytree(audio_world / "workspace", w)
    (disk / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(disk / "tmp"))
    with running(ServeConfig(workspace=w, split="artists", model="tiny")) as url, httpx.Client(base_url=url) as client:
        track_id = (audio_world / "tracks.csv").read_text().splitlines()[1].split(",")[0]
        filler = fill(disk, 0)
        refused = client.put(f"/api/thumbs/{track_id}", json={"thumb": "up"})
        assert (refused.status_code, refused.json()["error_code"]) == (507, "disk_full"), refused.text
        assert "is full; make room" in refused.json()["message"]  # without folders of this machine
        song = next((audio_world / "audio").rglob("*.ogg"))
        files = {"file": (song.name, song.read_bytes())}
        sent = client.post("/api/recommend", files=files, timeout=60)
        assert (sent.status_code, sent.json()["error_code"]) == (507, "disk_full"), sent.text
        assert client.get(f"/api/tracks/{track_id}/similar").status_code == 200
        filler.unlink()
        assert client.put(f"/api/thumbs/{track_id}", json={"thumb": "up"}).status_code == 204
    assert not list(disk.rglob(".*.partial"))
    assert not list((disk / "tmp").iterdir())
