"""Run every command of docs/how-to/players.md against a real server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import player_world
from tests.builders.server import running
from unheard.serve.config import ServeConfig
from unheard.serve.keys import make_key
from unheard.serve.subsonic.errors import Code
from unheard.workspace import Workspace

pytestmark = pytest.mark.slow

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "players.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def shell(music_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of the examples, and a command `unheard`."""
    folder = tmp_path_factory.mktemp("players")
    root = player_world.build(music_world, folder)
    command = folder / "bin" / "unheard"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m unheard "$@"\n')
    command.chmod(0o755)
    with running(ServeConfig(workspace=root)) as url:
        yield {
            **os.environ,
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "W": str(root),
            "URL": url,
            "KEY": make_key(Workspace.open(root), "phone"),
            "SONG": "tr-t00-0",
            "OTHER": "tr-t05-3",
        }


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works(shell: dict[str, str], command: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        ["sh", "-c", command], env=shell, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
    if "f=json" in command:
        assert '"status":"ok"' in ran.stdout
    if "-o part" in command:
        assert (tmp_path / "part").stat().st_size == 1000


def test_the_guide_names_codes_of_the_specification() -> None:
    codes = {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE) for code in cell.split(", ")}
    assert codes <= {int(code) for code in Code}
    assert len(codes) == 7


def test_the_guide_names_tests_that_exist() -> None:
    root = Path(__file__).parents[2]
    for path in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert (root / path).is_file(), path
