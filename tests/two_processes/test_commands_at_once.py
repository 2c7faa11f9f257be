"""Two commands on one workspace at the same time: one waits, works beside the other, or says why it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builders.audio_world import copy_workspace
from tests.builders.contents import contents
from tests.builders.processes import Finished, finish, run, start, together
from unheard.locks import one_at_a_time
from unheard.workspace import Workspace

pytestmark = pytest.mark.long
ENV = {"UNHEARD_BF16": "off"}
REFUSED = "at this moment; wait until it has finished, or end it, and try again"


@pytest.fixture
def w(audio_world: Path, tmp_path: Path) -> Path:
    return copy_workspace(audio_world, tmp_path)


def assert_done_or_refused(finished: list[Finished]) -> None:
    """At least one command did its work; another one says in one line that it has to wait."""
    assert 0 in [one.code for one in finished], finished
    for one in finished:
        assert one.code == 0 or (one.code == 2 and REFUSED in one.error), finished


def test_two_scans_of_one_folder(audio_world: Path, tmp_path: Path) -> None:
    """Each decodes what it gets to first; what is stored is that of one scan."""
    words = [("scan", "-w", tmp_path / name, audio_world / "tracks.csv", "-j", 2) for name in ("one", "two")]
    for name in ("one", "two"):
        Workspace.init(tmp_path / name)
    assert run(*words[0]).code == 0
    both = together(words[1], words[1])
    assert [one.code for one in both] == [0, 0], both
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    again = run(*words[1])
    assert (again.code, "42 unchanged" in again.stderr) == (0, True), again


def test_two_scans_of_two_folders(audio_world: Path, tmp_path: Path) -> None:
    folders = sorted(path for path in (audio_world / "audio").iterdir() if path.is_dir())
    assert len(folders) >= 4
    for name in ("one", "two"):
        Workspace.init(tmp_path / name)
    half = len(folders) // 2
    parts = folders[:half], folders[half:]
    for part in parts:
        assert run("scan", "-w", tmp_path / "one", *part, "-j", 1).code == 0
    both = together(*(("scan", "-w", tmp_path / "two", *part, "-j", 1) for part in parts))
    assert [one.code for one in both] == [0, 0], both
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_two_imports(w: Path, audio_world: Path, tmp_path: Path) -> None:
    """Both wait for each other, and both are stored."""
    lines = (audio_world / "playlists.csv").read_text().splitlines(keepends=True)
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("".join([lines[0], *(name + line for line in lines[1:])]))
    one = shutil.copytree(w, tmp_path / "one")
    for name in ("a", "b"):
        assert run("import", "-w", one, tmp_path / f"{name}.csv").code == 0
    both = together(*(("import", "-w", w, tmp_path / f"{name}.csv") for name in ("a", "b")))
    assert [ran.code for ran in both] == [0, 0], both
    assert contents(w) == contents(one)


def test_two_commands_of_one_lock(w: Path, audio_world: Path) -> None:
    """While a lock is held, a command that needs it says so at once and changes nothing."""
    before = contents(w)
    commands = {
        "factors": ("factors", "-w", w, "--dim", 4),
        "train-artists-tiny": ("train", "-w", w, audio_world / "tiny.toml", "--split", "artists", "--force"),
        "go": ("go", audio_world / "tracks.csv", "-w", w, "-o", w.parent / "lists"),
    }
    for lock, words in commands.items():
        with one_at_a_time(w, lock, "runs a test"):
            ran = run(*words, env=ENV)
        assert ran.code == 2, ran
        assert REFUSED in ran.error
        assert ran.stderr.count("error:") == 1
    assert contents(w) == before
    assert not list((w.parent / "lists").glob("*"))


def test_two_fits_of_factors(w: Path, tmp_path: Path) -> None:
    one = shutil.copytree(w, tmp_path / "one")
    words = ("--dim", 8, "--iterations", 60)
    assert run("factors", "-w", one, *words).code == 0
    assert_done_or_refused(together(*[("factors", "-w", w, *words)] * 2))
    assert contents(w) == contents(one)


def test_a_training_and_a_forced_scan(w: Path, audio_world: Path, tmp_path: Path) -> None:
    """The scan stores every track again, and the training reads what it has opened: both give what they give alone."""
    words = ("train", "-w", w, audio_world / "tiny.toml", "--split", "artists", "--force")
    both = together(words, ("scan", "-w", w, audio_world / "tracks.csv", "-j", 1, "--force"), env=ENV)
    assert [one.code for one in both] == [0, 0], both
    found = contents(w)
    alone = run(*words, env=ENV)
    assert alone.code == 0, alone
    assert contents(w) == found


def test_a_refresh_and_go(w: Path, audio_world: Path, tmp_path: Path) -> None:
    """Lists of both are written; a session that finds factors newer than its model says so, and works the next time."""
    lists, refreshed = tmp_path / "lists", tmp_path / "refreshed"
    refreshed.mkdir()
    go = ("go", audio_world / "tracks.csv", "-w", w, "-o", lists, "-j", 1, "--max-minutes", 0.1)
    assert run(*go, env=ENV).code == 0
    added = run(
        "playlists",
        "add",
        "new",
        "-w",
        w,
        "--playlist",
        "p001",
        "-n",
        5,
        "--candidates",
        "all",
        "--target",
        f"{refreshed}/",
    )
    assert added.code == 0, added
    refresh = ("playlists", "refresh", "--all", "-w", w)
    both = together((*go[:-1], 0.2, "-n", 20), refresh, env=ENV)
    assert_done_or_refused(both)
    assert run(*refresh, env=ENV).code == 0
    assert list(refreshed.glob("*.m3u8"))
    assert list(lists.glob("*.m3u8"))
    assert not list(tmp_path.rglob(".*.partial"))


def test_two_runs_of_go(w: Path, audio_world: Path, tmp_path: Path) -> None:
    """The second one is refused, or starts when the first is done and finds nothing to do."""
    go = ("go", audio_world / "tracks.csv", "-w", w, "-o", tmp_path / "lists", "-j", 1, "--max-minutes", 0.1)
    first = start(*go, env=ENV)
    second = run(*go, env=ENV)
    assert_done_or_refused([finish(first), second])
    assert list((tmp_path / "lists").glob("*.m3u8"))
