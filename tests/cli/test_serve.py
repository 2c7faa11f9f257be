"""Tests of the command `serve`: invalid options, start and stop."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.builders import music_world as world
from tests.builders.command_line import Run
from tests.builders.server import eventually


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.build(tmp_path_factory.mktemp("cli-serve") / "w").root


def test_it_refuses_what_would_be_unsafe_or_cannot_be(run: Run, served: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("short\n")
    for words, message in (
        (("--host", "0.0.0.0"), "can be reached from other machines"),
        (("--host", "0.0.0.0", "--token-file", str(tmp_path / "token")), "at least 16"),
        (("--token-file", str(tmp_path / "nothing")), "cannot be read"),
        (("--music-root", str(tmp_path / "nothing")), "not a folder; name an existing one"),
    ):
        ran = run("serve", "-w", served, *words)
        assert ran.code == 2, words
        assert message in ran.stderr
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "letter.txt").write_text("Dear")
    assert "expected a new or empty folder" in run("serve", "-w", tmp_path / "documents").error


def test_a_port_that_is_taken_is_one_line(run: Run, served: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = run("serve", "-w", served, "--port", taken.getsockname()[1])
    assert ran.code == 2
    assert "choose another --port" in ran.stderr


@pytest.mark.slow
def test_it_starts_answers_and_stops(served: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("correct-horse-battery-staple\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["serve", "-w", str(served), "--port", str(port), "--token-file", str(tmp_path / "token")]
    server = subprocess.Popen([sys.executable, "-m", "unheard", *command], stderr=subprocess.PIPE, text=True)
    try:

        def ready() -> str | None:
            try:
                key = {"authorization": "Bearer correct-horse-battery-staple"}
                return httpx.get(f"http://127.0.0.1:{port}/api/health/ready", headers=key, timeout=60).text
            except httpx.ConnectError:
                return None

        assert json.loads(eventually(ready, limit_s=180))["model"] == "toy"
        assert httpx.get(f"http://127.0.0.1:{port}/api/tracks").status_code == 401
    finally:
        server.terminate()
        _, said = server.communicate(timeout=60)
    assert f"unheard is at http://127.0.0.1:{port}/" in said
    assert "Traceback" not in said


def test_progress_is_json_for_programs_that_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unheard.cli.console import progress_bars

    monkeypatch.setenv("UNHEARD_PROGRESS", "json")
    with progress_bars() as progress:
        for done in range(101):
            progress("counting", done, 100)
        progress("writing", 0, 1)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == {"progress": "counting", "done": 0, "total": 100}
    assert {"progress": "counting", "done": 100, "total": 100} in lines
    assert lines[-1] == {"progress": "writing", "done": 0, "total": 1}
    assert len(lines) < 20  # not one for each step
