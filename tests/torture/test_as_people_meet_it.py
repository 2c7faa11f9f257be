"""Damage as people meet it: which command says what, in one line."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from tests.builders.command_line import run_command
from unheard import artefacts, atomic_files
from unheard.checksums import read_sealed, seal
from unheard.saved_playlists import saved_playlists
from unheard.session import Session
from unheard.thumbs import set_thumb
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow


def recommend(workspace: Path, *words: object) -> str:
    """Ask for a list for the first playlist; return the one line of a refusal."""
    return run_command("recommend", "-w", workspace, "--playlist", "p01", *words).error


def flip(path: Path, at: int, bit: int = 6) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["factors/live.safetensors", "models/live/quick/predictions.safetensors"])
def test_a_flipped_exponent_is_refused(workspace: Path, name: str) -> None:
    """As a disk or memory error does it: the file is a valid artefact before and after."""
    flip(workspace / name, -1)
    assert f"error: {workspace / name}: damaged (" in recommend(workspace)


def test_nan_in_factors_of_before_checksums_is_refused(workspace: Path) -> None:
    path = workspace / "factors" / "live.safetensors"
    found = artefacts.load(path, "factors")
    tracks = found.arrays["tracks"].copy()
    tracks[3, 2] = np.nan
    artefacts.save(path, "factors", config=found.config, arrays=found.arrays | {"tracks": tracks}, ids=found.ids)
    assert "tracks are not finite" in recommend(workspace)


def test_an_edited_sample_rate_is_refused_by_name(workspace: Path) -> None:
    marker = workspace / "workspace.json"
    marker.write_text(marker.read_text().replace("22050", "44100"))
    assert recommend(workspace).startswith(f"error: {marker}: damaged (its content does not match its checksum")
    values = read_sealed(marker) if marker.write_text(marker.read_text().replace("44100", "22050")) else {}
    marker.write_text(json.dumps(values | {"sample_rate": 44100}))  # by hand, without a checksum
    assert "made with other settings than workspace.json has now; restore workspace.json" in recommend(workspace)


def test_spectrograms_of_another_workspace_are_no_unchanged_ones(world: Path, other: Path, workspace: Path) -> None:
    shutil.copyfile(other / "w" / "mels" / "0000.frames", workspace / "mels" / "0000.frames")
    ran = run_command("doctor", "-w", workspace)
    assert ran.code == 2
    assert "the spectrogram of track" in ran.stderr or "its index expects" in ran.stderr


def test_zeroed_playlists_are_refused(workspace: Path) -> None:
    path = workspace / "plays" / "plays-1.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes(300) + content[500:])
    assert f"error: {path}: damaged (its content does not match its checksum)" in recommend(workspace)


def test_a_title_that_was_changed_in_sqlite_is_refused(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "library.sqlite")) as db, db:
        db.execute("UPDATE tracks SET title = 'x' WHERE track_id = (SELECT min(track_id) FROM tracks)")
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert "does not match its checksum" in recommend(workspace)


@pytest.mark.parametrize(
    ("query", "command", "says"),
    [
        ("UPDATE tracks SET artists = '[1', checksum = 0", "recommend", "are no list of texts"),
        ("UPDATE file_failures SET reason = 'bored', checksum = 0", "errors", None),
        ("UPDATE file_failures SET reason = 'bored'", "errors", None),
    ],
)
def test_values_that_no_version_has_written(workspace: Path, query: str, command: str, says: str | None) -> None:
    with closing(sqlite3.connect(workspace / "library.sqlite")) as db, db:
        db.execute("DELETE FROM digests")
        db.execute(query)
    words = ("--playlist", "p01") if command == "recommend" else ()
    ran = run_command(command, "-w", workspace, *words)
    if says is None:
        assert (ran.code, "the next scan tries" in ran.stdout.replace("\n", " ")) == (0, True)
    else:
        assert says in ran.error


@pytest.mark.parametrize(
    "content",
    [
        '{"format": "unheard workspace", "version": "1"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"format": "unheard workspace", "version": 2, "n_mels": 100000000000}',
        '{"format": "unheard workspace", "version": 2, "sample_rate": true}',
    ],
)
def test_a_marker_that_nobody_wrote(tmp_path: Path, content: str) -> None:
    (tmp_path / "workspace.json").write_text(content)
    assert ": damaged (" in run_command("status", "-w", tmp_path).error


@pytest.mark.parametrize("more", [{}, {"version": 1}, {"version": "1", "config": {}}])
def test_an_artefact_without_version_or_configuration(workspace: Path, more: dict[str, object]) -> None:
    path = workspace / "factors" / "live.safetensors"
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, path, metadata={"unheard": json.dumps({"kind": "factors", **more})})
    assert f"error: {path}: not an unheard artefact (expected a version and a configuration" in recommend(workspace)


def test_a_lost_calibration_refuses_lists_of_both_kinds_of_tracks_only(workspace: Path) -> None:
    scale = workspace / "models" / "live" / "quick" / "scale.json"
    scale.unlink()
    assert run_command("recommend", "-w", workspace, "--playlist", "p01", "--candidates", "cold").code == 0
    assert f"{scale}: lists of known and new tracks need the calibration" in recommend(workspace, "--candidates", "all")


def test_one_damaged_thumb_is_said_and_stops_nothing(workspace: Path) -> None:
    path = workspace / "thumbs.jsonl"
    path.write_text(path.read_text().replace('"down"', '"dawn"'))
    ran = run_command("recommend", "-w", workspace, "--playlist", "p01", "--candidates", "all")
    assert ran.code == 0
    assert f"{path}: 1 damaged lines, whose thumbs do not count" in ran.stderr
    set_thumb(Workspace.open(workspace), "another", "up")
    assert '"dawn"' in path.read_text()  # a person may still correct it


def test_a_damaged_recipe_stops_only_recipes(workspace: Path) -> None:
    path = workspace / "list-recipes.json"
    flip(path, len(path.read_bytes()) // 2, bit=0)
    assert f"error: {path}: damaged (" in run_command("playlists", "list", "-w", workspace).error
    assert run_command("recommend", "-w", workspace, "--playlist", "p01", "--candidates", "all").code == 0


def test_a_file_that_a_person_has_corrected_is_read_without_its_checksum(workspace: Path) -> None:
    path = workspace / "saved" / "mornings.json"
    text = path.read_text().replace("Mornings", "Evenings")
    path.write_text(text)
    found, problems = saved_playlists(Workspace.open(workspace))
    assert "Evenings" not in {one.name for one in found}
    assert 'if you have changed it by hand, delete "checksum" in it' in problems[0]
    path.write_text("".join(line for line in text.splitlines(keepends=True) if '"checksum"' not in line))
    found, problems = saved_playlists(Workspace.open(workspace))
    assert ("Evenings" in {one.name for one in found}, problems) == (True, [])


def test_seals_are_of_one_workspace(workspace: Path) -> None:
    path = workspace / "a.json"
    atomic_files.write_json(path, {"a": 1})
    assert read_sealed(path) == {"a": 1}
    assert json.loads(path.read_text()).keys() == {"checksum", "a"}  # to other programs it is plain JSON
    path.write_text(seal('{"a": 1}'))
    assert read_sealed(path) == {"a": 1}  # written outside a workspace
    path.write_text(seal('{"a": 1}').replace("1}", "2}"))
    with pytest.raises(ValueError, match="does not match its checksum"):
        read_sealed(path)


def test_a_predictions_file_that_is_lost_is_not_replaced_by_another_model(workspace: Path) -> None:
    path = workspace / "models" / "live" / "quick" / "predictions.safetensors"
    path.unlink()
    assert f"{path}: model 'quick' has not been trained; run `unheard train" in recommend(workspace)


def test_lost_features_are_not_taken_for_tracks_without_any(workspace: Path) -> None:
    for path in (workspace / "features" / "statistics").iterdir():
        path.unlink()
    session = Session(workspace)
    assert "features of 30 scanned tracks are missing" in session.notice


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: flip(root / "factors" / "live.safetensors", 40, 7),
        lambda root: (root / "library.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000)),
        lambda root: (root / "splits.json").write_text("{" * 5000),
    ],
)
def test_a_real_process_ends_with_one_line(workspace: Path, damage: Callable[[Path], object]) -> None:
    damage(workspace)
    words = [sys.executable, "-m", "unheard", "recommend", "-w", str(workspace), "--playlist", "p01"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")
    assert len(ran.stderr.splitlines()) == 1
