"""No damage changes a result silently, the doctor names what commands refuse, and its commands mend it."""

from __future__ import annotations

import json
import random
import shlex
import shutil
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.torture.before import strip_checksums
from tests.torture.damages import APPLY, Damage, answers, copy_in_place, damages, examine, run
from unheard.cli.damage import find_damage
from unheard.workspace import Workspace

pytestmark = pytest.mark.long


def test_a_sound_workspace_has_no_finding(workspace: Path) -> None:
    assert list(find_damage(Workspace.open(workspace))) == []


def test_damages_are_the_same_for_the_same_seed(workspace: Path) -> None:
    found = list(damages(workspace, 500, 3))
    assert found == list(damages(workspace, 500, 3))
    assert {damage.kind for damage in found} == set(APPLY)
    assert {damage.file for damage in found} == {
        path.relative_to(workspace).as_posix()
        for path in workspace.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
    }


def test_no_damage_is_silent(world: Path, other: Path) -> None:
    """A sample of `make torture`, which applies every damage to every file."""
    found = run(world / "w", other / "w", 60, 11, limit_s=60)
    assert len(found) >= 10
    assert [
        (one.damage, one.answers, one.doctor) for one in found if one.verdict in ("silent", "missed", "raised")
    ] == []


FOUND = [  # by full runs
    Damage("library.sqlite", "zeros", 610),  # the end of reading raised
    Damage("results/artists.comparisons.json", "deleted", 52),  # the doctor found nothing
]


@pytest.mark.parametrize("damage", FOUND, ids=str)
def test_what_full_runs_found(world: Path, other: Path, tmp_path: Path, damage: Damage) -> None:
    pristine, expected = copy_in_place(world / "w", tmp_path)
    outcome = examine(damage, pristine, other / "w", expected, tmp_path)
    assert outcome is not None
    assert outcome.verdict in ("refused", "said"), outcome


def test_a_workspace_written_before_checksums_gives_the_same(workspace: Path, expected: dict[str, bytes]) -> None:
    strip_checksums(workspace)
    found = {name: given.replace(str(workspace).encode(), b"W") for name, given in answers(workspace).items()}
    assert found == expected
    findings = list(find_damage(Workspace.open(workspace)))
    assert {one.severity for one in findings} == {"old"}
    for part in ("workspace.json", "library.sqlite", "mels", "statistics", "plays", "full.safetensors", "go.json"):
        assert any(str(one.path).endswith(part) for one in findings) == (part != "go.json"), part
    ran = run_command("doctor", "-w", workspace)
    assert ran.code == 0, ran.stderr
    assert "written before checksums" in ran.stderr


def test_what_was_written_before_checksums_gets_them_by_migrate(workspace: Path, expected: dict[str, bytes]) -> None:
    strip_checksums(workspace)
    assert "checksums were added" in run_command("migrate", "-w", workspace).stderr
    assert "nothing to do" in run_command("migrate", "-w", workspace).stderr
    findings = list(find_damage(Workspace.open(workspace)))
    assert {one.severity for one in findings} == {"old"}
    assert not {"workspace.json", "library.sqlite", "plays"} & {one.path.name for one in findings}
    assert all(split["workspace"] for split in json.loads((workspace / "splits.json").read_text()).values())
    found = {name: given.replace(str(workspace).encode(), b"W") for name, given in answers(workspace).items()}
    assert found == expected


MENDED = [
    ("library.sqlite", "rows", 0),
    ("mels/0000.frames", "flip in content", 0),
    ("mels/0000.index", "flip in header", 0),
    ("mels/0000.index", "truncated", 4),
    ("features/statistics/*.npy", "flip in content", 0),
    ("features/signature/*.safetensors", "deleted", 0),
    ("plays/plays-1.parquet", "flip in content", 0),
    ("splits.json", "zeros", 0),
    ("factors/live.safetensors", "flip at end", 0),
    ("models/live/quick/predictions.safetensors", "flip at end", 0),
    ("models/live/quick/ranker.safetensors", "flip at end", 0),
    ("models/live/quick/scale.json", "deleted", 0),
    ("models/live/quick/estimates.safetensors", "deleted", 0),
    ("models/artists/tiny/checkpoint.safetensors", "flip at end", 0),
    ("maps/live/quick.safetensors", "flip at end", 0),
    ("results/artists.json", "zeros", 0),
    ("results/artists.comparisons.json", "deleted", 0),
    ("saved/mornings.json", "zeros", 0),
    ("thumbs.jsonl", "flip in content", 0),
]


@pytest.mark.parametrize(("file", "kind", "seed"), MENDED)
def test_the_commands_of_the_doctor_mend(world: Path, workspace: Path, file: str, kind: str, seed: int) -> None:
    (path,) = workspace.glob(file)
    APPLY[kind](path, random.Random(seed), path)
    assert run_command("doctor", "-w", workspace).code == 2
    for _ in range(2):  # factors that were fitted again ask for a training
        lines = [
            one for one in run_command("doctor", "-w", workspace).stderr.splitlines() if "to mend it, run: " in one
        ]
        assert all(line.startswith(str(workspace)) for line in lines)
        for command in dict.fromkeys(part for line in lines for part in line.partition("run: ")[2].split(" && ")):
            words = shlex.split(command, comments=True)
            if words[0] == "unheard":
                again = run_command(*(_files(world, words[1]).get(word, word) for word in words[1:]))
                assert again.code == 0, (command, again)
    assert [one.line() for one in find_damage(Workspace.open(workspace)) if one.severity != "old"] == []
    answers(workspace)


def _files(world: Path, command: str) -> dict[str, str]:
    """The files that the placeholders of a command stand for, and the recipes that do not ship."""
    named = {"MUSIC": "tracks.csv", "PLAYLISTS": "playlists.csv"}
    named |= {"tiny": "tiny.toml", "quick": "quick.toml"} if command == "train" else {}
    return {name: str(world / file) for name, file in named.items()}


def test_a_workspace_of_another_marker_is_not_repaired_away(workspace: Path, other: Path) -> None:
    shutil.copyfile(other / "w" / "workspace.json", workspace / "workspace.json")
    before = sorted(workspace.rglob("*"))
    ran = run_command("doctor", "-w", workspace, "--repair")
    assert "workspace.json: is that of another workspace; restore it from a copy" in ran.error
    assert sorted(workspace.rglob("*")) == before


def test_quick_reads_headers_only(workspace: Path) -> None:
    path = workspace / "factors" / "full.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert run_command("doctor", "-w", workspace, "--quick").code == 0
    content[9] ^= 1
    path.write_bytes(content)
    assert run_command("doctor", "-w", workspace, "--quick").code == 2
    assert run_command("status", "-w", workspace, "--json").code == 0
    assert json.loads(run_command("status", "-w", workspace, "--json").stdout)["next"].startswith("unheard doctor")
