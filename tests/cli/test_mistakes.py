"""A user's mistake is one line that names file, row and mend, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

PLAYLISTS = "playlist_id,track_id,weight\n"


@pytest.mark.parametrize(
    ("content", "row", "says"),
    [
        ("", None, "empty"),
        ("playlist_id,track\np,a\n", None, "track_id"),
        (PLAYLISTS + "p1,no-such-track,1\n", 2, "no-such-track"),
        (PLAYLISTS + "p1,{known},1\np1,{known},nan\n", 3, "nan"),
        (PLAYLISTS + "p1,{known},-1\n", 2, "-1"),
        (PLAYLISTS + ",{known},1\n", 2, "playlist_id"),
        ("playlist_id,track_id,position\np,{known},0\np,{known},0\n", 3, "position"),
        (PLAYLISTS + "p1,{known}\n", 2, "fields"),
    ],
)
def test_wrong_playlists(
    workspace: Path, run: Run, tmp_path: Path, content: str, row: int | None, says: str, known: str
) -> None:
    path = tmp_path / "playlists.csv"
    path.write_text(content.format(known=known))
    error = run("import", "-w", workspace, path).error
    assert str(path) in error
    assert says in error
    if row is not None:
        assert f"row {row}" in error
    assert ";" in error  # problem; fix


@pytest.mark.parametrize(
    ("content", "row", "says"),
    [
        ("", None, "empty"),
        ("track_id,title\na,b\n", None, "path"),
        ("track_id,path\na,a.ogg\na,b.ogg\n", 3, "'a'"),
        ("track_id,path\n,a.ogg\n", 2, "track_id"),
    ],
)
def test_wrong_tracks(workspace: Path, run: Run, tmp_path: Path, content: str, row: int | None, says: str) -> None:
    path = tmp_path / "tracks.csv"
    path.write_text(content)
    error = run("scan", "-w", workspace, path).error
    assert str(path) in error
    assert says in error
    if row is not None:
        assert f"row {row}" in error


def test_unknown_ids_can_be_skipped(workspace: Path, run: Run, tmp_path: Path, known: str) -> None:
    path = tmp_path / "playlists.csv"
    path.write_text(f"playlist_id,track_id\nx,{known}\nx,no-such-track\n")
    ran = run("import", "-w", workspace, path, "--skip-unknown", "--dry-run")
    assert ran.code == 0
    assert "1 of 2 entries matched" in ran.stderr
    assert "no-such-track" in ran.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("recommend", "--playlist", "nobody"), "no playlist 'nobody'"),
        (("recommend", "--like", "nothing"), "neither a track id of the library nor a file"),
        (("recommend",), "say for whom"),
        (("recommend", "--all-playlists"), "-o"),
        (("recommend", "--playlist", "p001", "--model", "magic"), "no model 'magic'"),
        (("recommend", "--playlist", "p001", "-o", "list.xyz"), "'.xyz'"),
        (("similar",), "TRACK_ID"),
        (("evaluate", "--split", "nothing"), "no split 'nothing'"),
        (("train", "magic"), "no such recipe"),
        (("train", "--split", "nothing"), "no split 'nothing'"),
        (("factors", "--import-playlists", "x.parquet"), "--import"),
        (("embed", "-o", "vectors.csv"), "parquet"),
        (("scan", "no-such-folder"), "no-such-folder"),
        (("split", "--file", "no-such-file.json"), "no-such-file.json"),
    ],
)
def test_wrong_words(workspace: Path, run: Run, words: tuple[str, ...], says: str) -> None:
    verb, *rest = words
    assert says in run(verb, "-w", workspace, *rest).error


def test_stages_out_of_order_name_the_missing_one(run: Run, tmp_path: Path) -> None:
    assert "unheard init" in run("status", "-w", tmp_path / "w").error
    run("init", "-w", tmp_path / "w")
    for words, missing in (
        (("import", tmp_path / "p.csv"), "unheard scan"),
        (("split",), "unheard scan"),
        (("factors",), "unheard split"),
        (("train",), "unheard s"),
        (("evaluate",), "unheard s"),
        (("recommend", "--playlist", "p"), "unheard s"),
    ):
        verb, *rest = words
        assert missing in run(verb, "-w", tmp_path / "w", *rest).error


def test_an_unknown_option_is_exit_code_2(run: Run) -> None:
    assert run("scan", "--no-such-option").code == 2


@pytest.fixture
def known(world: Path) -> str:
    """The id of a track of the world."""
    return (world / "tracks.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[0]
