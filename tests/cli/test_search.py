"""Tests of the commands that list ids, of wrong ids, and of the completion of ids."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import unheard
from tests.builders.command_line import Run
from unheard.search.folding import compact

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tags(world: Path) -> dict[str, dict[str, str]]:
    with (world / "tracks.csv").open(newline="") as table:
        return {row["track_id"]: row for row in csv.DictReader(table)}


@pytest.fixture(scope="module")
def named(workspace: Path, world: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workspace with three more playlists: `Été & moi`, `rock/best` and `jazz/best`."""
    folder = tmp_path_factory.mktemp("named")
    copy = Path(shutil.copytree(workspace, folder / "w"))
    lines = json.loads(run("tracks", "-w", copy, "-n", 2, "--json").stdout)
    for name in ("Été & moi", "rock/best", "jazz/best"):
        path = folder / "lists" / f"{name}.m3u8"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line['path']}\n" for line in lines), encoding="utf-8")
    assert run("import", "-w", copy, folder / "lists").code == 0
    return copy


def test_tracks_are_listed_with_ids_for_other_programs(
    workspace: Path, run: Run, tags: dict[str, dict[str, str]]
) -> None:
    ran = run("tracks", "-w", workspace, "-n", 0)
    rows = [line.split("\t") for line in ran.stdout.splitlines()]
    assert len(rows) == 42
    assert ran.stderr == ""
    for track_id, _, title, album, year in rows:
        tag = tags[track_id]
        assert (title, album, year) == (tag["title"], tag["album"], tag["release_date"][:4])
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), key=compact)
    five = run("tracks", "-w", workspace, "-n", 5)
    assert five.stdout.splitlines() == ran.stdout.splitlines()[:5]
    assert five.stderr == "5 of 42 tracks; -n 0 lists all\n"


def test_a_track_is_found_by_words_with_typing_errors(
    workspace: Path, run: Run, tags: dict[str, dict[str, str]]
) -> None:
    track_id, tag = next((name, tag) for name, tag in tags.items() if len(tag["title"].split()[0]) > 6)
    title, artist = tag["title"], tag["artist"].split(";")[0]
    wrong = title[1] + title[0] + title[2:]
    for words in ((title, artist), (artist.upper(), title.upper()), (wrong, artist)):
        found = json.loads(run("tracks", "-w", workspace, *words, "--json").stdout)
        assert found[0]["track_id"] == track_id
    nothing = run("tracks", "-w", workspace, "xqzw", "--json")
    assert (nothing.code, json.loads(nothing.stdout), nothing.stderr) == (0, [], "no tracks match\n")


def test_playlists_are_listed_with_their_number_of_tracks(named: Path, run: Run) -> None:
    found = json.loads(run("playlists", "-w", named, "-n", 0, "--json").stdout)
    assert len(found) == 153
    sizes = {one["playlist_id"]: one["tracks"] for one in found}
    music = unheard.open(named)
    for name in ("p001", "Été & moi"):
        assert sizes[name] == len(music.catalogue.order.tracks_of(music.catalogue.playlist_row(name)))
    assert run("playlists", "-w", named, "ete").stdout == "Été & moi\t2\tÉté & moi\n"
    assert {line.split("\t")[0] for line in run("playlists", "-w", named, "best").stdout.splitlines()} == {
        "rock/best", "jazz/best",
    }  # fmt: skip


def test_a_playlist_may_be_given_by_its_name_if_it_is_the_only_one(named: Path, run: Run) -> None:
    def listed(name: str) -> list[str]:
        ran = run("recommend", "-w", named, "--playlist", name, "--candidates", "all", "--json", "-n", 4)
        assert ran.code == 0, ran
        return [item["track_id"] for item in json.loads(ran.stdout)]

    assert listed("ete and moi") == listed("ÉTÉ & MOI") == listed("Été & moi") != []
    assert "2 playlists are called 'Best'" in run("recommend", "-w", named, "--playlist", "Best").error
    assert listed("rock/best") == listed("jazz/best")


def test_a_wrong_id_gets_near_ones(named: Path, run: Run, tags: dict[str, dict[str, str]]) -> None:
    error = run("recommend", "-w", named, "--playlist", "p0011").error
    assert "no playlist 'p0011' among 153; did you mean 'p001'" in error
    assert "`unheard playlists` lists them" in error
    track_id, tag = next(iter(tags.items()))
    for command in (("similar",), ("recommend", "--like")):
        error = run(command[0], "-w", named, *command[1:], f"{track_id}x").error
        assert f"did you mean '{track_id}' ({tag['artist'].split(';')[0]}" in error
        error = run(command[0], "-w", named, *command[1:], f"{tag['title']} {tag['artist'].split(';')[0]}").error
        assert f"did you mean '{track_id}'" in error
    error = run("recommend", "-w", named, "--playlist", "p001", "--exclude", f"{track_id}x").error
    assert f"no track '{track_id}x' among 42; did you mean '{track_id}'" in error


def test_the_album_cap_is_an_option_of_every_list(
    workspace: Path, run: Run, tags: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    words = ("recommend", "-w", workspace, "--playlist", "p001", "--candidates", "all", "-n", 40, "--max-per-artist", 0)
    everything = json.loads(run(*words, "--json").stdout)
    capped = json.loads(run(*words, "--max-per-album", 1, "--json", "-o", tmp_path / "list.csv").stdout)
    session = unheard.open(workspace)
    albums = [session.catalogue.album[session.catalogue.track_row(item["track_id"])] for item in capped]
    assert len(set(albums)) == len(albums) < len(everything)
    ids, _ = session.recommend(playlist="p001", candidates="all", n=40, max_per_artist=None, max_per_album=1)
    assert [item["track_id"] for item in capped] == ids
    with (tmp_path / "list.csv").open(newline="") as file:
        assert [row["track_id"] for row in csv.DictReader(file)] == ids
    assert json.loads(run(*words, "--max-per-album", 0, "--json").stdout) == everything
    seed = everything[0]["track_id"]
    near = ("similar", "-w", workspace, seed, "-n", 40, "--max-per-artist", 0, "--max-per-album", 1, "--json")
    assert [item["track_id"] for item in json.loads(run(*near).stdout)] == session.similar(
        seed, n=40, max_per_artist=None, max_per_album=1
    )[0]


def test_a_shell_completes_ids_of_the_workspace(named: Path, tags: dict[str, dict[str, str]], tmp_path: Path) -> None:
    def completed(*words: str, **environment: str) -> list[str]:
        code = "import sys; sys.argv[0] = 'unheard'; from unheard.cli import main; main()"
        shell = {"_UNHEARD_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        variables = {**os.environ, **shell, **environment}
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
        assert ran.stderr == ""
        return ran.stdout.split("\n")[:-1] if ran.stdout.endswith("\n") else ran.stdout.split("\n")

    track_id = min(tags)
    assert completed("unheard", "recommend", "-w", str(named), "--playlist", "p00") == [f"p00{n}" for n in range(1, 10)]
    assert completed("unheard", "similar", track_id, UNHEARD_WORKSPACE=str(named)) == [track_id]
    assert completed("unheard", "recommend", "-w", str(tmp_path), "--like", "t") == [""]  # no workspace, no error
    assert completed("unheard", "play") == ["playlists"]
