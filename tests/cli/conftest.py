"""One tiny world, taken through every verb once; the tests look at what came out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unheard.cli.app import app
from unheard.demo.generator import build_world

RECIPE = """
name = "tiny"
about = "a network for tests"

[[stage]]
input = "patches"
output = 8
batch_size = 16
epochs = 2
[stage.cnn]
channels = [2, 2, 2]
pools = [[4, 4], [4, 4], [2, 2]]
dense = [16]
[stage.triplet-semi-hard]
nearest = 5
buffer = 2

[[stage]]
input = "previous"
batch_size = 16
epochs = 3
[stage.dense]
layers = [16]
[stage.mse]
"""


@dataclass(frozen=True)
class Ran:
    """One finished command."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The message of a command that failed: exactly one line, exit code 2."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        assert self.code == 2, self
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: "), lines
        return lines[0]


Run = Callable[..., Ran]


def run_command(*words: object) -> Ran:
    """Run a verb in this process, as a shell would."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, re.sub(r"\x1b\[[0-9;]*m", "", result.stderr))


@pytest.fixture(scope="session")
def run() -> Run:
    """The command line."""
    return run_command


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small made-up world: audio files, tracks.csv, playlists.csv."""
    out = tmp_path_factory.mktemp("cli") / "world"
    build_world(out, n_bands=14, n_tracks=42, n_playlists=150, seconds=4.0, jobs=1)
    (out / "tiny.toml").write_text(RECIPE)
    return out


@pytest.fixture(scope="session")
def workspace(world: Path, run: Run) -> Path:
    """The world's workspace after every stage."""
    w = world / "workspace"
    for words in (
        ("init", "-w", w),
        ("scan", "-w", w, world / "tracks.csv", "-j", 1),
        ("import", "-w", w, world / "playlists.csv"),
        ("split", "-w", w),
        ("factors", "-w", w, "--dim", 8),
        ("train", "-w", w, world / "tiny.toml", "--split", "artists"),
    ):
        ran = run(*words)
        assert ran.code == 0, (words, ran)
    return w
