"""What happens to the output of a command, and when it is stopped: one line at most, and an exit code that says it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-m", "unheard")
ran: Callable[..., subprocess.CompletedProcess[Any]] = partial(subprocess.run, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["weights"]])
def test_a_full_disk_behind_stdout(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = ran([*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error: the disk is full; make room and run the same command again\n")


@pytest.mark.parametrize("words", [["--help"], ["weights"]])
def test_a_reader_that_has_read_enough(words: list[str]) -> None:
    """As `unheard ... | head -1`: the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = ran([*COMMAND, *words], stdout=write, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write)
    assert done.stderr == ""


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stdout_or_stderr(closed: int) -> None:
    script = f'"$@" {closed}>&-'
    done = ran(["/bin/sh", "-c", script, "sh", *COMMAND, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("stopped_in", ["pathlib", "numpy", "typer", "unheard.cli.app"])
def test_ctrl_c_while_modules_are_loaded(stopped_in: str, tmp_path: Path) -> None:
    """Ctrl-C in the first second comes while modules are imported: here, when one of them is looked for."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, os, signal\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {stopped_in!r} and 'unheard.cli' in sys.modules:\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths}
    done = ran([*COMMAND, "weights"], capture_output=True, text=True, env=environment)
    if "Traceback" in done.stderr or done.returncode == 130:
        assert done.returncode == 130
        assert done.stderr == "stopped; completed work is stored, and the same command continues from there\n"
    else:  # the module was loaded before
        assert stopped_in == "pathlib"


@pytest.mark.parametrize("name", ["nö.mp3", "\x1b[31mred", "\u202eevil"])
def test_names_in_an_ascii_locale(name: str, tmp_path: Path) -> None:
    """A terminal gets neither characters that it cannot show nor any that steer it."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    words = ["scan", "-w", str(tmp_path / "w"), os.fsencode(tmp_path / name)]
    subprocess.run([*COMMAND, "init", "-w", str(tmp_path / "w")], check=True, capture_output=True)
    done = ran([*COMMAND, *words], capture_output=True, env=environment)
    assert done.returncode == 2
    message = bytes(done.stderr)
    assert message.count(b"\n") == 1
    assert message.isascii()
    assert b"\x1b" not in message
