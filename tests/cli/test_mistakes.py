"""Tests that a user's mistake gives one line with file, row and fix, and exit code 2."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import Run

PLAYLISTS = "playlist_id,track_id,weight\n"


@pytest.mark.parametrize(
    ("content", "row", "says"),
    [
        ("", None, "empty"),
        ("playlist_id,track\np,a\n", None, "track_id"),
        (PLAYLISTS + "p1,no-such-track,1\n", 2, "no-such-track"),
        (PLAYLISTS + "p1,{known},1\np1,{known},nan\np1,{known},x\n", 3, "nan"),
        (PLAYLISTS + "p1,{known},-1\n", 2, "-1"),
        (PLAYLISTS + ",{known},1\n", 2, "playlist_id"),
        ("playlist_id,track_id,position\np,{known},0\np,{known},0\np,{known},0\n", 3, "position"),
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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("split", "--file", "splits.json", "--seed", 1), "leave out --seed and --after"),
        (("split", "--file", "splits.json", "--after", "2020-01-01"), "leave out --seed and --after"),
        (("factors", "--import", "factors.parquet", "--dim", 64), "leave out --dim, --iterations and --seed"),
        (("export", "--to", "recbole", "-o", "set", "-n", 5), "--model, -n: lists are written for ranx only"),
        (("listen-test", "analyse", "--name", "study", "--json", "--csv"), "--json and --csv: both go to stdout"),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    workspace: Path, run: Run, words: tuple[object, ...], says: str
) -> None:
    assert says in run(*words, "-w", workspace).error


def test_a_check_without_a_workspace_mends_nothing(run: Run) -> None:
    assert "name it with -w" in run("doctor", "--repair").error
    assert "name it with -w" in run("doctor", "--quick").error


def test_a_name_that_is_too_long_is_one_line(workspace: Path, run: Run) -> None:
    assert "is too long for the name of a file" in run("similar", "-w", workspace, "x" * 5000).error


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
        (("recommend", "--like", "nothing"), "expected a track id of the library or an audio file"),
        (("recommend",), "expected one of --playlist ID"),
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
def test_invalid_arguments(workspace: Path, run: Run, words: tuple[str, ...], says: str) -> None:
    command, *rest = words
    assert says in run(command, "-w", workspace, *rest).error


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
        command, *rest = words
        assert missing in run(command, "-w", tmp_path / "w", *rest).error


def test_an_unknown_option_is_exit_code_2(run: Run) -> None:
    assert run("scan", "--no-such-option").code == 2


@pytest.fixture
def known(world: Path) -> str:
    """The id of a track of the world."""
    return (world / "tracks.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[0]


@pytest.fixture
def copy(workspace: Path, tmp_path: Path) -> Path:
    """A workspace to damage."""
    return Path(shutil.copytree(workspace, tmp_path / "copy"))


def test_factors_of_another_split_are_not_used(copy: Path, world: Path, run: Run) -> None:
    """Test tracks of the new split trained under the old one: measuring them would be a leak."""
    assert run("split", "-w", copy, "--seed", 5, "--force").code == 0
    for words in (
        ("evaluate",),
        ("train", world / "tiny.toml", "--split", "artists"),
        ("recommend", "--playlist", "p001"),
    ):
        command, *rest = words
        error = run(command, "-w", copy, *rest).error
        assert "fitted before the split 'artists' was changed" in error
        assert "unheard factors" in error


def test_models_of_other_factors_are_not_used(copy: Path, run: Run) -> None:
    assert run("factors", "-w", copy, "--dim", 8, "--seed", 3).code == 0
    for words in (("evaluate",), ("recommend", "--playlist", "p001")):
        command, *rest = words
        error = run(command, "-w", copy, *rest).error
        assert "computed again after" in error
        assert "unheard train" in error


def test_full_targets_have_a_name_of_their_own(copy: Path, world: Path, run: Run, tmp_path: Path) -> None:
    """A model that knew the test plays never takes the place of one that did not."""
    kept = (copy / "models" / "artists" / "tiny" / "predictions.safetensors").read_bytes()
    assert run("train", "-w", copy, world / "tiny.toml", "--split", "artists", "--targets", "full").code == 0
    assert (copy / "models" / "artists" / "tiny" / "predictions.safetensors").read_bytes() == kept
    assert "tiny-full" in run("evaluate", "-w", copy, "--model", "tiny-full").stdout


@pytest.mark.parametrize("size", [100, 9000])
def test_a_damaged_library_is_one_line(copy: Path, run: Run, size: int) -> None:
    with (copy / "library.sqlite").open("r+b") as file:
        file.truncate(size)
    for name in ("library.sqlite-wal", "library.sqlite-shm"):
        (copy / name).unlink(missing_ok=True)
    for command in ("status", "errors", "evaluate"):
        assert "library.sqlite" in run(command, "-w", copy).error
    ran = run("doctor", "-w", copy)
    assert ran.code == 2
    assert "PROBLEM" in ran.stdout


def test_damaged_artefacts_are_one_line(copy: Path, run: Run) -> None:
    for path in copy.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-3000] + b"\xff" * 3000)
    assert ".safetensors: " in run("evaluate", "-w", copy).error
    ran = run("doctor", "-w", copy)
    assert ran.code == 2
    for path in copy.rglob("*.safetensors"):
        assert str(path) in ran.stderr or str(path.parent) in ran.stderr


def test_what_cannot_be_written_is_one_line(workspace: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = run("recommend", "-w", workspace, "--playlist", "p001", "-o", tmp_path / "file" / "x.csv").error
    assert "cannot be written" in error
    (tmp_path / "folder.csv").mkdir()
    error = run("recommend", "-w", workspace, "--playlist", "p001", "-o", tmp_path / "folder.csv").error
    assert "folder.csv: cannot be written" in error


def test_names_are_not_markup(copy: Path, run: Run, tmp_path: Path, known: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"playlist_id,track_id\n[/b],{known}\n")
    assert run("import", "-w", copy, path).code == 0
    ran = run("recommend", "-w", copy, "--playlist", "[/b]")
    assert ran.code == 0
    assert "[/b]" in ran.stdout


def test_a_workspace_of_nonsense_is_one_line(tmp_path: Path, run: Run) -> None:
    run("init", "-w", tmp_path / "w")
    marker = tmp_path / "w" / "workspace.json"
    text = marker.read_text().replace('"n_mels": 128', '"n_mels": -1')
    marker.write_text("".join(line for line in text.splitlines() if '"checksum"' not in line))
    assert "n_mels is -1" in run("status", "-w", tmp_path / "w").error


@pytest.mark.parametrize("weight", ["1e39", "1e-50", "-1"])
def test_weights_that_float32_cannot_hold(workspace: Path, run: Run, tmp_path: Path, known: str, weight: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"playlist_id,track_id,weight\np,{known},{weight}\n")
    assert f"row 2: weight is {weight}" in run("import", "-w", workspace, path).error


def test_a_recipe_may_not_be_called_like_a_baseline(workspace: Path, world: Path, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text((world / "tiny.toml").read_text().replace('"tiny"', '"ridge"'))
    assert "choose another name" in run("train", "-w", workspace, path).error
