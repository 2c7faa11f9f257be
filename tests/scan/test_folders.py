"""Test which files of a folder are taken, what is passed over and said, and the patterns of `--exclude`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unheard.scan.folders import Excludes, PassedOver, audio_files, in_system_folder
from unheard.scan.sources import find_sources


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found_in(root: Path, *patterns: str) -> list[str]:
    paths = audio_files(root, Excludes(patterns), PassedOver(), [])
    return [Path(path).relative_to(root).as_posix() for path in paths]


@pytest.mark.parametrize(
    "folder",
    [
        "#recycle", "@Recycle", "@Recently-Snapshot", "#snapshot", "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "@eaDir",
        "lost+found", "__MACOSX", ".Trash", ".Trash-1000", ".Trashes", "System Volume Information", ".AppleDouble",
        ".stfolder", ".stversions", ".sync", ".recycle", "LOST.DIR", "Network Trash Folder",
    ],
)  # fmt: skip
@pytest.mark.parametrize("above", ["", "Band/Album/"])
def test_recycle_bins_and_folders_of_systems_are_left_out(folder: str, above: str, tmp_path: Path) -> None:
    touch(tmp_path, "real.mp3", f"{above}{folder}/a.mp3", f"{above}{folder}/deeper/b.flac")
    assert found_in(tmp_path) == ["real.mp3"]


def test_a_folder_that_is_named_itself_is_searched(tmp_path: Path) -> None:
    touch(tmp_path, "#recycle/a.mp3", "#recycle/.nomedia")
    assert found_in(tmp_path / "#recycle") == ["a.mp3"]


def test_hidden_names_and_bands_that_begin_with_a_dot(tmp_path: Path) -> None:
    touch(
        tmp_path,
        ".38 Special/a.mp3",
        "...Baby One More Time.mp3",
        ".hidden/b.mp3",
        ".hidden.mp3",
        "x/._c.mp3",
        "x/c.mp3",
    )
    assert found_in(tmp_path) == ["...Baby One More Time.mp3", ".38 Special/a.mp3", "x/c.mp3"]


def test_markers(tmp_path: Path) -> None:
    touch(tmp_path, "a/.nomedia", "a/1.mp3", "a/b/2.mp3", "c/.ndignore", "c/3.mp3", "d/.ignore", "d/4.mp3", "e/5.mp3")
    (tmp_path / "d/.ignore").write_text("*.tmp\n")  # patterns, perhaps of another program
    passed_over = PassedOver()
    paths = audio_files(tmp_path, Excludes([]), passed_over, [])
    assert [Path(path).name for path in paths] == ["4.mp3", "5.mp3"]
    assert passed_over.summary() == "folders left out: 2 with .nomedia or .ndignore"


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.JPG" for n in range(3)), "a.txt", "b.m3u8", "README", "01. A song", "a.mp3", "@eaDir/x.jpg")
    (tmp_path / os.fsdecode(b"x.\xff\xfe")).touch()
    found = find_sources([tmp_path])
    assert [Path(candidate.path).name for candidate in found.audio] == ["a.mp3"]
    assert found.remarks() == ["passed over: 3 .jpg, 3 without a suffix, 1 .m3u8, 1 .txt; folders left out: 1 @eaDir"]
    touch(tmp_path, *(f"x.k{n}" for n in range(9)))
    assert "and" not in find_sources([tmp_path]).remarks()[0]
    assert ", 5 of other kinds;" in find_sources([tmp_path]).remarks()[0]


# ------------------------------------------------------------------------------------------------ excludes


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("Live [2009]", ["Live 3/b.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("Live [2009]/", ["Live 3/b.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("./Live [2009]", ["Live 3/b.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("Live [2009]/*", ["Live 3/b.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("Live [2009]/a.mp3", ["Live 3/b.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("Live [2-4]", ["Live [2009]/a.mp3", "a [demo].mp3", "ok/c.mp3"]),  # still a set of characters
        ("* [demo].mp3", ["Live 3/b.mp3", "Live [2009]/a.mp3", "ok/c.mp3"]),
        ("[demo]", ["Live 3/b.mp3", "Live [2009]/a.mp3", "a [demo].mp3", "ok/c.mp3"]),
        ("Live*", ["a [demo].mp3", "ok/c.mp3"]),
    ],
)
def test_patterns(pattern: str, left: list[str], tmp_path: Path) -> None:
    touch(tmp_path, "Live [2009]/a.mp3", "Live 3/b.mp3", "ok/c.mp3", "a [demo].mp3")
    assert found_in(tmp_path, pattern) == left


def test_whole_paths_and_composed_letters(tmp_path: Path) -> None:
    touch(tmp_path, "Bjo\u0308rk/a.mp3", "b.mp3", "c/d.mp3")  # decomposed, as macOS writes names
    assert found_in(tmp_path, "Bj\u00f6rk", str(tmp_path / "c")) == ["b.mp3"]


def test_patterns_that_match_nothing_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp3", "b/c.mp3")
    found = find_sources([tmp_path], exclude=["b", "podcasts", "[x]"])
    assert found.unmatched == ["podcasts", "[x]"]
    assert found.remarks() == [
        "--exclude 'podcasts' matched nothing; expected a name, a path or a glob",
        "--exclude '[x]' matched nothing; expected a name, a path or a glob",
    ]


def test_paths_in_system_folders() -> None:
    assert in_system_folder("/music/#recycle/Band/a.mp3")
    assert in_system_folder("/music/.Trash-1000/files/a.mp3")
    assert not in_system_folder("/home/me/.music/a.mp3")
    assert not in_system_folder("/music/RECYCLER.mp3")
