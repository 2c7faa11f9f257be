"""Tests of the command line in pipes, in logs and on terminals that cannot draw."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders.command_line import Run
from unheard.cli import console
from unheard.cli.app import COMMANDS

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
UNHEARD = [sys.executable, "-m", "unheard"]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    return {**kept, **changes}


@pytest.mark.slow
@pytest.mark.parametrize("words", [("tracks",), ("playlists", "--json"), ("status",), ("similar", "-h")], ids=" ".join)
def test_a_reader_that_stops_is_no_traceback(workspace: Path, words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*UNHEARD, *words], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60,
        env=environment(UNHEARD_WORKSPACE=str(workspace)), check=False,
    )  # fmt: skip
    os.close(writing)
    assert ran.returncode in (0, 1)
    assert ran.stderr == ""


@pytest.mark.slow
def test_a_log_has_plain_lines(workspace: Path, run: Run) -> None:
    for words in (("tracks",), ("playlists",), ("status",), ("errors",), ("recommend", "--playlist", "p001")):
        ran = run(words[0], "-w", workspace, *words[1:])
        assert ran.code == 0
        assert not CONTROL.search(ran.stdout + ran.stderr)
    ran = run("scan", "-w", workspace, workspace.parent)  # has a progress bar on a terminal
    assert "━" not in ran.stdout + ran.stderr


def on_a_terminal(workspace: Path, *words: str, **variables: str) -> str:
    """Return what a command writes to a terminal."""
    keyboard, terminal = pty.openpty()
    variables = environment(UNHEARD_WORKSPACE=str(workspace), **variables)
    with subprocess.Popen([*UNHEARD, *words], stdout=terminal, stderr=terminal, env=variables):
        os.close(terminal)
        written = b""
        try:
            while part := os.read(keyboard, 65_536):
                written += part
        except OSError:  # Linux reports the end of the program as an error
            pass
    os.close(keyboard)
    return written.decode()


@pytest.mark.slow
def test_terminals_get_tables_and_colours_that_they_can_show(workspace: Path) -> None:
    words = ("tracks", "-n", "3")
    coloured = on_a_terminal(workspace, *words, TERM="xterm-256color", COLORTERM="")
    assert "\x1b[1;36m" in coloured
    assert "artist" in coloured
    assert "\x1b[" not in on_a_terminal(workspace, *words, TERM="dumb")
    assert not re.search(r"\x1b\[[\d;]*3\d", on_a_terminal(workspace, *words, TERM="xterm", NO_COLOR="1"))


def test_progress_is_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("UNHEARD_PROGRESS", raising=False)
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.progress_bars() as progress:
        for done in range(1, 121):
            now[0] += 0.125
            progress("decoding", done, 120)
        progress("writing", 1, 1)  # too short for a line
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["decoding: 40 of 120", "decoding: 80 of 120", "decoding: 120 of 120"]


def test_names_that_an_encoding_lacks_are_written(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*UNHEARD, "status", "-w", str(tmp_path / "Été")],
        capture_output=True,
        check=False,
        env=environment(PYTHONIOENCODING="ascii"),
    )
    assert ran.returncode == 2
    assert b"\\xc9t\\xe9" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_help_is_grouped_in_the_order_of_use(run: Run) -> None:
    text = run("-h").stdout
    assert text == run("--help").stdout
    headings = re.findall(r"^(\S.*):$", text, re.MULTILINE)
    assert headings == ["Options", *COMMANDS]
    shown = re.findall(r"^  ([a-z][a-z-]*)  ", text, re.MULTILINE)
    for first, then in (
        ("init", "scan"),
        ("scan", "import"),
        ("split", "factors"),
        ("factors", "train"),
        ("train", "recommend"),
    ):
        assert shown.index(first) < shown.index(then)
    assert {"listen-test", "experiment", "tracks", "playlists", "serve"} <= set(shown)
    assert len(shown) == len(set(shown))
    assert "..." not in text.partition("Options:")[2]


def test_no_arguments_show_the_help(run: Run) -> None:
    ran = run()
    assert ran.code in (0, 2)
    assert "Your music" in ran.stdout + ran.stderr
    assert run("similar", "-h").code == 0
