"""Test what `unheard import` prints: what was read, matched, missed, left out and replaced; and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.command_line import Run
from unheard.library import Library, Track
from unheard.workspace import Workspace


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A workspace with two tracks."""
    workspace = Workspace.init(tmp_path / "w")
    with Library(workspace.library_path) as library, library.transaction():
        for name in ("halo", "hurt"):
            library.put_track(Track(name, path=f"/m/x/{name}.mp3", title=name.title(), artists=("Band",)))
    return workspace.root


def test_everything_that_happened_is_told(small: Path, run: Run, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    rows = "".join(f"me;halo;{n}\n" for n in range(3)) + "me;zzz;1\nme;hurt;many\n;;\nme;hurt;1,5\n"
    (lists / "history.csv").write_text("Playlist_ID;Track_ID;Weight\n" + rows)
    (lists / "list.m3u").write_text("/m/x/halo.mp3\n/m/x/none.mp3\n")
    (lists / "bad.pls").write_text("nothing")
    (lists / "notes.docx").write_text("nothing")
    ran = run("import", "-w", small, lists)
    assert ran.code == 0
    assert ran.stderr.splitlines() == [
        f"left out: {lists}/bad.pls: no line `File1=...` in it; expected a PLS playlist",
        f"{lists}: 2 playlists, 4 of 5 entries matched (80.0%)",
        "  no match: /m/x/none.mp3",
        "  2 rows or lists could not be read:",
        f"  {lists}/history.csv, row 5: track_id 'zzz' is not in the library; scan it first or pass --skip-unknown",
        f"  {lists}/history.csv, row 6: weight is 'many'; expected a number",
        "  left out: 1 blank rows",
        "  left out: 1 rows with weight 0",
        f"  passed over, no playlist: {lists}/notes.docx",
    ]
    (lists / "history.csv").write_text("playlist_id,track_id\nme,halo\n")
    ran = run("import", "-w", small, lists / "history.csv", lists / "list.m3u")
    assert "  replaced: me (3 plays)" in ran.stderr.splitlines()
    assert "list (" not in ran.stderr  # the same as before


def test_long_lists_of_reasons_are_cut(small: Path, run: Run, tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("playlist_id,track_id\n" + "me,halo\n" * 30 + "".join(f"me,x{n}\n" for n in range(25)))
    lines = run("import", "-w", small, table).stderr.splitlines()
    assert lines[1] == "  25 rows or lists could not be read:"
    assert lines[2].startswith(f"  {table}, row 32: track_id 'x0'")
    assert lines[-1] == "  ... and 15 more"


def test_one_good_file_is_enough(small: Path, run: Run, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.m3u", tmp_path / "bad.csv"
    good.write_text("/m/x/halo.mp3\n")
    bad.write_text("a,b\n1,2\n")
    ran = run("import", "-w", small, bad, good, tmp_path / "none.m3u")
    assert ran.code == 0
    assert f"left out: {bad}: no column 'playlist_id', found a, b" in ran.stderr
    assert f"left out: {tmp_path}/none.m3u: no such file" in ran.stderr
    assert "1 playlists, 1 of 1 entries matched" in ran.stderr
    assert "none of 2 files can be read; the first: " in run("import", "-w", small, bad, tmp_path / "none.m3u").error


def test_lists_of_other_music_are_a_mistake(small: Path, run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.m3u"
    other.write_text("/other/1.mp3\n")
    ran = run("import", "-w", small, other)
    assert ran.code == 2
    assert "  no match: /other/1.mp3" in ran.stderr
    assert "error: nothing was imported: no entry is a track of the library" in ran.stderr
