"""Every command, and Python, refuse a workspace of format 1 with the command that migrates it, and change nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer import Context
from typer.main import get_command, get_group

import unheard
from tests.builders.command_line import run_command
from unheard.cli.app import app
from unheard.errors import UserError
from unheard.workspace import FORMAT_VERSION, Settings, Workspace

# `demo` and `restore` make one, by the functions of `init` and the others, or from a copy
WITHOUT_WORKSPACE = {"migrate", "weights", "demo", "restore"}
ARGUMENTS = {
    "scan": ["."],
    "import": ["playlists.csv"],
    "backup": ["copy.tar.zst"],
    "similar": ["beludell-01"],
    "recommend": ["--playlist", "p01"],
    "sync": ["http://127.0.0.1:9"],
    "embed": ["-o", "vectors.parquet"],
    "export": ["--to", "recbole", "-o", "split"],
    "spotify": ["--seed-track", "beludell-01", "--m3u", "lists"],
    "export-model": ["-o", "model.onnx"],
    "playlists add": ["mornings", "--like", "beludell-01", "--target", "saved"],
    "playlists refresh": ["--all"],
    "playlists remove": ["mornings"],
    "listen-test create": ["--name", "a", "--models", "tiny,random", "--seeds", "2", "--raters", "2"],
    "listen-test analyse": ["--name", "a"],
    "experiment ablation": ["--model", "blend"],
    "cluster scan": [".", "--master", "local[1]"],
    "cluster factors": ["--master", "local[1]"],
    "cluster features": ["--master", "local[1]"],
    "cluster train": ["cnn", "--master", "local[1]"],
    "cluster embed": ["--master", "local[1]", "--model", "blend"],
    "cluster recommend": ["--master", "local[1]", "--out", "lists.parquet"],
}


def commands() -> list[str]:
    """Return every command that opens a workspace, with its group."""
    names = [str(command.name) for command in app.registered_commands if command.name not in WITHOUT_WORKSPACE]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = get_group(group.typer_instance)
        names += [f"{group.name} {name}" for name in inner.list_commands(Context(inner))]
    return names


@pytest.mark.parametrize("command", commands())
def test_a_command_names_the_one_that_migrates(old: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old.parent)
    before = {path: path.stat().st_mtime_ns for path in old.rglob("*")}
    ran = run_command(*command.split(), "-w", old, *ARGUMENTS.get(command, []))
    assert ran.error == (f"error: {old}: a workspace of format 1; run `unheard migrate -w {old}` (keeps a backup)")
    assert {path: path.stat().st_mtime_ns for path in old.rglob("*")} == before
    assert list(old.parent.iterdir()) == [old]


def test_python_names_the_command_that_migrates(old: Path) -> None:
    with pytest.raises(UserError, match=r"a workspace of format 1; run `unheard migrate -w .*` \(keeps a backup\)"):
        unheard.open(old)
    with pytest.raises(UserError, match="unheard migrate"):
        Workspace.init(old)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_workspace_that_may_not_be_written_is_not_migrated(old: Path) -> None:
    paths = [old, *old.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert "unheard migrate" in run_command("status", "-w", old).error
        ran = run_command("migrate", "-w", old)
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert ran.code == 2
    assert "backup-format-1: cannot be written" in ran.stderr.splitlines()[-1]


def test_new_workspaces_are_of_the_present_format(tmp_path: Path) -> None:
    Workspace.init(tmp_path / "w", Settings())
    assert f'"version": {FORMAT_VERSION},' in (tmp_path / "w" / "workspace.json").read_text()


def test_every_command_is_tried() -> None:
    assert {name.split()[0] for name in commands()} | WITHOUT_WORKSPACE == set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(ARGUMENTS) <= set(commands())
