"""Run the command line inside the test's process, and a small recipe to train with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from typer.testing import CliRunner

from unheard.cli.app import app

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
    """Run a command in this process, as a shell would."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, re.sub(r"\x1b\[[0-9;]*m", "", result.stderr))


def run_all(*commands: tuple[object, ...]) -> None:
    """Run commands that have to succeed, one after another."""
    for words in commands:
        ran = run_command(*words)
        assert ran.code == 0, (words, ran)
