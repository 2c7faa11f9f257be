"""`unheard playlists add|list|refresh|remove` on a small music world: in place, fresh, one failure stops no other."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.builders.command_line import run_command
from unheard.library import open_library
from unheard.locks import lock_path, try_lock
from unheard.plays import import_playlists, read_playlists
from unheard.plays.list_marks import is_own_list
from unheard.plays.readers.m3u import is_made_by_unheard
from unheard.recommend.export import entries_of, export
from unheard.refresh.freshness import MAX_RUNS, read_refreshed
from unheard.refresh.list_recipes import ListRecipe, put_recipe, read_recipes
from unheard.saved_playlists import change_playlist, read_saved, save_playlist
from unheard.session import Session
from unheard.workspace import Workspace


def add(workspace: Workspace, name: str, *words: object) -> None:
    ran = run_command("playlists", "add", name, "-w", workspace.root, *words)
    assert ran.code == 0, ran


def refresh(workspace: Workspace, *words: object, code: int = 0) -> list[dict[str, Any]]:
    """Refresh recipes and return what is printed as JSON."""
    ran = run_command("playlists", "refresh", "-w", workspace.root, *words, "--json")
    assert ran.code == code, ran
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def paths_of(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_a_list_is_replaced_in_place_without_tracks_of_the_last_ones(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, "mornings", "--playlist", "p00", "-n", 8, "--title", "Mornings", "--target", f"{tmp_path}/lists/")
    lists = []
    for _ in range(5):
        (one,) = refresh(workspace, "mornings")
        (file,) = (tmp_path / "lists").iterdir()
        assert file.name == "Mornings.m3u8"
        assert is_made_by_unheard(file)  # so `unheard go` does not import it
        assert len(paths_of(file)) == len(one["tracks"]) == 8
        lists.append(one)
    assert lists[0]["tracks"] == Session(workspace.root).recommend(playlist="p00", n=8)[0]
    four = [track for one in lists[:4] for track in one["tracks"]]
    assert len(set(four)) == 32  # none returns before three refreshes without it
    assert [one["repeated"] for one in lists] == [0] * 5
    assert lists[4]["tracks"] == lists[0]["tracks"]


def test_nothing_is_held_back_on_request(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, "a", "--like", "t09-1", "--hold-back", 0, "--target", tmp_path / "a.jspf")
    assert refresh(workspace, "a")[0]["tracks"] == refresh(workspace, "a")[0]["tracks"]
    assert len(json.loads((tmp_path / "a.jspf").read_text())["playlist"]["track"]) > 10


def test_a_saved_playlist_keeps_its_id(workspace: Workspace) -> None:
    add(workspace, "a", "--playlist", "p01", "-n", 4, "--title", "For Anna", "--target", "saved")
    (first,) = refresh(workspace, "--all")
    known_as = first["written"][0]["known_as"]
    (second,) = refresh(workspace, "--all")
    assert second["written"][0]["known_as"] == known_as == "for-anna"
    saved = read_saved(workspace, known_as)
    assert saved is not None
    assert list(saved.track_ids) == second["tracks"] != first["tracks"]
    change_playlist(workspace, known_as, name="Renamed by a person")
    (workspace.saved_dir / "for-anna.json").unlink()
    assert refresh(workspace, "--all")[0]["written"][0]["known_as"] == "for-anna"


def test_seeds_from_a_saved_playlist_and_from_a_prompt(workspace: Workspace) -> None:
    saved = save_playlist(workspace, "Mine", ["t09-1", "gone", "t09-2"])
    add(workspace, "a", "--playlist", saved.playlist_id, "-n", 3, "--target", "saved")
    expected, _ = Session(workspace.root).recommend(like=["t09-1", "t09-2"], n=3)
    assert refresh(workspace, "a", "--dry-run")[0]["tracks"] == expected
    add(workspace, "b", "--prompt", "artist:(Artist 8):1:nosim artist:(artist 9):1:nosim", "-n", 6, "--target", "saved")
    (found,) = refresh(workspace, "b", "--dry-run")
    assert [name[:3] for name in found["tracks"]] == ["t08", "t09"] * 3


def test_a_dry_run_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, "a", "--like", "t09-1", "--target", f"{tmp_path}/lists/")
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    assert refresh(workspace, "--all", "--dry-run")[0]["written"] == []
    assert not (tmp_path / "lists").exists()
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before


def test_one_failure_stops_no_other(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mine.m3u8").write_text("#EXTM3U\n/music/mine.flac\n")
    put_recipe(workspace, ListRecipe("a", "A", ("saved",), playlist="nobody"))
    add(workspace, "b", "--like", "t09-1", "--target", tmp_path / "mine.m3u8", "--target", tmp_path / "b.csv")
    add(workspace, "c", "--like", "t09-1", "--genre", "polka", "--target", "saved")
    add(workspace, "d", "--like", "t09-1", "-n", 2, "--target", "saved")
    found = {one["name"]: one for one in refresh(workspace, "--all", code=1)}
    assert "a: no playlist 'nobody'" in found["a"]["problems"][0]
    assert "a list that unheard has not made" in found["b"]["problems"][0]
    assert [one["target"] for one in found["b"]["written"]] == [str(tmp_path / "b.csv")]
    assert "c: no candidates" in found["c"]["problems"][0]
    assert found["d"]["written"][0]["tracks"] == 2
    assert (tmp_path / "mine.m3u8").read_text() == "#EXTM3U\n/music/mine.flac\n"
    assert read_refreshed(workspace, "c").runs == []  # a list that failed holds nothing back


def test_owners(workspace: Workspace, tmp_path: Path) -> None:
    for owner, playlist in (("anna", "p00"), ("ben", "p00"), ("anna", "p02")):
        name = f"{owner}-{playlist}"
        add(workspace, name, "--owner", owner, "--playlist", playlist, "--target", f"{tmp_path}/{owner}/")
    assert [one["name"] for one in refresh(workspace, "--owner", "anna")] == ["anna-p00", "anna-p02"]
    assert not (tmp_path / "ben").exists()
    (ben,) = refresh(workspace, "--owner", "ben")
    assert tuple(ben["tracks"]) == read_refreshed(workspace, "anna-p00").runs[0].tracks  # each owner starts anew
    error = run_command("playlists", "refresh", "-w", workspace.root, "--owner", "x").error
    assert f"--owner x: has no recipes; `unheard playlists list -w {workspace.root}` lists them" in error


def test_a_renamed_list_replaces_its_file(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, "a", "--like", "t09-1", "--title", "Old: name", "--target", f"{tmp_path}/lists/")
    refresh(workspace, "a")
    add(workspace, "a", "--like", "t09-1", "--title", "New", "--force", "--target", f"{tmp_path}/lists/")
    (tmp_path / "lists" / "New.m3u8").write_text("#EXTM3U\n")  # made by a person
    refresh(workspace, "a")
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == ["New (unheard).m3u8", "New.m3u8"]
    assert (tmp_path / "lists" / "New.m3u8").read_text() == "#EXTM3U\n"


def test_paths_for_the_music_player_daemon(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, "a", "--like", "t09-1", "-n", 3, "--target", f"{tmp_path}/", "--music-directory", "/music")
    refresh(workspace, "a")
    assert all(path.startswith("Artist ") for path in paths_of(tmp_path / "a.m3u"))


def test_relative_targets_are_stored_as_absolute_paths(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    add(workspace, "a", "--like", "t09-1", "--target", "lists/", "--target", "saved")
    ran = run_command("playlists", "list", "-w", workspace.root)
    assert ran.stdout == f"a\t\tt09-1\t25\t{tmp_path}/lists/ saved\t\n"
    monkeypatch.chdir(os.sep)
    refresh(workspace, "a")
    (listed,) = json.loads(run_command("playlists", "list", "-w", workspace.root, "--json").stdout)
    assert listed["refreshed"] == read_refreshed(workspace, "a").runs[0].at
    assert (tmp_path / "lists" / "a.m3u8").is_file()
    assert run_command("playlists", "remove", "a", "-w", workspace.root).code == 0
    assert (tmp_path / "lists" / "a.m3u8").is_file()
    assert run_command("playlists", "list", "-w", workspace.root).stderr == "no recipes match\n"


def test_tracks_that_left_the_library(workspace: Workspace) -> None:
    add(workspace, "a", "--like", "t09-1", "--like", "t09-2", "--exclude", "t03-1", "-n", 3, "--target", "saved")
    (first,) = refresh(workspace, "a")
    with open_library(workspace.library_path) as library, library.transaction():
        for name in (first["tracks"][0], "t09-2", "t03-1"):
            library.remove_track(name)
    (second,) = refresh(workspace, "a")
    assert len(second["tracks"]) == 3
    assert second["repeated"] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "a", "--like", "t1", "--target", "x.pdf"), "--target"),
        (("add", "a", "--like", "t1", "--playlist", "p", "--target", "saved"), "expected one of --playlist, --like"),
        (("add", "a", "--like", "t09-1", "--like", "t09-11", "--target", "saved"), "--like: no track 't09-11' among 2"),
        (("add", "a", "--prompt", "#a", "--exclude", "no", "--target", "saved"), "--exclude: no track 'no' among 2"),
        (("add", "a", "--playlist", "p0x", "--target", "saved"), "--playlist: no playlist 'p0x' among"),
        (("add", "a", "--playlist", "saved:x", "--target", "saved"), "--playlist: no saved playlist 'saved:x'"),
        (("add", "a", "--prompt", "x", "--target", "saved"), "prompt 'x': 'x' cannot be read"),
        (("refresh",), "expected names of recipes, --all, or --owner"),
        (("refresh", "--owner", "anna"), "--owner anna: has no recipes"),
        (("refresh", "a"), "no recipe 'a'; there are none; make one with `unheard playlists add -w"),
        (("remove", "a"), "no recipe 'a'"),
    ],
)
def test_mistakes(workspace: Workspace, words: tuple[str, ...], says: str) -> None:
    assert says in run_command("playlists", *words, "-w", workspace.root).error
    assert read_recipes(workspace) == []


def test_a_playlist_is_named_by_its_name_too_and_not_checked_before_an_import(
    workspace: Workspace, tmp_path: Path
) -> None:
    add(workspace, "a", "--playlist", read_playlists(workspace)[0].name.upper(), "--target", "saved")
    add(Workspace.init(tmp_path / "new"), "a", "--playlist", "anything", "--target", "saved")


def test_no_more_runs_are_held_back_than_are_kept(workspace: Workspace) -> None:
    words = ("playlists", "add", "a", "-w", workspace.root, "--prompt", "#a", "--target", "saved", "--hold-back")
    assert run_command(*words, MAX_RUNS + 1).code == 2
    assert run_command(*words, MAX_RUNS).code == 0


def test_a_subcommand_after_options_is_refused_not_searched_for(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = workspace.root
    assert (
        f"put the subcommand first: `unheard playlists list -w {w} --json`"
        in run_command("playlists", "-w", w, "list", "--json").error
    )
    for words in (("-w", w, "p00", "list"), ("find", "-w", w, "list"), ("-w", w, "--", "list"), ("-n", 1, "-w", w)):
        assert run_command("playlists", *words).code == 0, words
    monkeypatch.chdir(tmp_path)
    Workspace.init(Path("list"))
    assert run_command("playlists", "-w", "list").code == 0


def test_an_error_of_the_system_stops_no_other_list(workspace: Workspace, tmp_path: Path) -> None:
    """Looking at a path that is too long for the system fails."""
    folder = tmp_path / "/".join(["x" * 200] * 25)
    put_recipe(workspace, ListRecipe("a", "A", (f"{folder}/", "saved"), like=("t09-1",)))
    add(workspace, "b", "--like", "t09-1", "-n", 2, "--target", "saved")
    found = {one["name"]: one for one in refresh(workspace, "--all", code=1)}
    assert "File name too long" in found["a"]["problems"][0]
    assert [one["target"] for one in found["a"]["written"]] == ["saved"]
    assert found["b"]["written"][0]["tracks"] == 2


def test_a_timer_without_recipes_has_nothing_to_do(workspace: Workspace) -> None:
    assert refresh(workspace, "--all") == []
    said = run_command("playlists", "refresh", "--all", "-w", workspace.root).stderr
    assert f"`unheard playlists add -w {workspace.root}` makes one" in said


def test_a_table_that_a_person_made_is_not_replaced(workspace: Workspace, tmp_path: Path) -> None:
    mine, ours = tmp_path / "mine.json", tmp_path / "ours.json"
    mine.write_text("{}")
    add(workspace, "a", "--like", "t09-1", "-n", 3, "--hold-back", 0, "--target", mine, "--target", ours)
    for _ in range(2):  # our own is replaced in place
        (found,) = refresh(workspace, "a", code=1)
        assert [one["target"] for one in found["written"]] == [str(ours)]
        assert "a list that unheard has not made" in found["problems"][0]
    assert mine.read_text() == "{}"


@pytest.mark.parametrize("suffix", [".m3u8", ".m3u", ".jspf", ".csv", ".json"])
def test_an_import_of_their_folder_does_not_read_lists_of_ours(
    workspace: Workspace, tmp_path: Path, suffix: str
) -> None:
    """A list carries its mark in every format; without the mark, the same list is read."""
    folder = tmp_path / "lists"
    add(workspace, "a", "--like", "t09-1", "-n", 3, "--target", folder / f"a{suffix}")
    refresh(workspace, "a")
    refresh(workspace, "a")  # a list of ours is replaced
    assert is_own_list(folder / f"a{suffix}")
    (folder / "mine.m3u8").write_text("#EXTM3U\n/music/Artist 9/First/1.flac\n")
    (source,) = import_playlists(workspace, [folder])
    assert source.passed_over == [folder / f"a{suffix}"]
    assert source.found.n_playlists <= 1


def test_a_list_of_a_person_is_not_replaced_in_any_format(workspace: Workspace, tmp_path: Path) -> None:
    for suffix in (".m3u8", ".jspf", ".csv", ".json"):
        session = Session(workspace.root)
        export(tmp_path / f"a{suffix}", entries_of(session.recommendations(like=["t09-1"]), session.catalogue.tracks))
        assert not is_own_list(tmp_path / f"a{suffix}")
        add(workspace, "a", "--like", "t09-1", "--force", "--target", tmp_path / f"a{suffix}")
        (found,) = refresh(workspace, "a", code=1)
        assert "a list that unheard has not made" in found["problems"][0]


def test_two_refreshes_at_once(workspace: Workspace) -> None:
    add(workspace, "a", "--like", "t09-1", "--target", "saved")
    with try_lock(lock_path(workspace.root, "refresh")):
        error = run_command("playlists", "refresh", "--all", "-w", workspace.root).error
        assert "another process refreshes lists at this moment; wait until" in error
        refresh(workspace, "--all", "--dry-run")
    refresh(workspace, "--all")
