"""Run `unheard` in processes of their own, which tests start together or kill."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

UNHEARD = (sys.executable, "-m", "unheard")


@dataclass(frozen=True)
class Finished:
    """A command that has ended; `error` is what it said last on stderr."""

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        return self.stderr.strip().splitlines()[-1] if self.stderr.strip() else ""


def start(*words: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [*UNHEARD, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
    )


def finish(process: subprocess.Popen[str]) -> Finished:
    """Wait for a command."""
    stdout, stderr = process.communicate(timeout=300)
    return Finished(process.returncode, stdout, stderr)


def run(*words: object, env: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end."""
    return finish(start(*words, env=env))


def together(*commands: tuple[object, ...], env: Mapping[str, str] | None = None) -> list[Finished]:
    """Run commands at the same time, and return what became of each."""
    processes = [start(*words, env=env) for words in commands]
    return [finish(process) for process in processes]
