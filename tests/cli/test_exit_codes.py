"""The exit codes that docs/reference/exit-codes.md promises, from real processes; and logs as JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import music_world as world
from tests.builders.server import eventually, process_of
from unheard.cli import console
from unheard.errors import UnheardError, UserError

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "exit-codes.md"


def ended(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unheard", *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )


def test_the_page_has_the_codes_of_the_error_classes() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert codes == {0, UnheardError.exit_code, UserError.exit_code, 130, 143}


def test_done_and_mistakes(tmp_path: Path) -> None:
    assert ended("--version").returncode == 0
    root = tmp_path / "w"
    assert ended("init", "-w", root).returncode == 0
    for words in (
        ("status", "-w", tmp_path / "nothing"),
        ("recommend", "-w", root, "--playlist", "x"),  # a stage is missing
        ("scan", "-w", root, tmp_path / "nothing"),
        ("scan", "-w", root, "--no-such-option"),
        ("no-such-command",),
        ("--log-format", "xml", "status", "-w", root),
    ):
        ran = ended(*words)
        assert ran.returncode == 2, (words, ran)
        assert "Traceback" not in ran.stderr


def test_something_that_failed_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is no mistake of the person's, such as a service that does not answer."""
    with pytest.raises(SystemExit) as ended_with:
        console.fail(UnheardError("MPD at localhost:6600 cannot be used"))
    assert ended_with.value.code == 1
    assert capsys.readouterr().err == "error: MPD at localhost:6600 cannot be used\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_stopped_by_a_person_or_by_the_system(tmp_path: Path) -> None:
    root = world.build(tmp_path / "w").root
    command = [sys.executable, "-m", "unheard", "factors", "-w", str(root), "--iterations", "1000000"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)):
        environment = os.environ | {"UNHEARD_PROGRESS": "json"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        assert process.stderr.readline()
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == code


def test_messages_errors_and_progress_as_json(tmp_path: Path) -> None:
    root = world.build(tmp_path / "w").root
    ran = ended("--log-format", "json", "factors", "-w", root, "--split", "artists", "--iterations", "2")
    assert ran.returncode == 0, ran
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert lines
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert [line for line in lines if "progress" in line and line["done"] <= line["total"]]
    ran = ended("--log-format", "json", "status", "-w", tmp_path / "nothing")
    (error,) = [json.loads(line) for line in ran.stderr.splitlines()]
    assert (error["level"], error["exit_code"], ran.returncode) == ("error", 2, 2)


def test_a_server_logs_requests_as_json(tmp_path: Path) -> None:
    root = world.build(tmp_path / "w").root
    with process_of(root, "--access-log", before=("--log-format", "json")) as (_, process):
        process.terminate()
        _, said = process.communicate(timeout=60)
    lines = [json.loads(line) for line in said.splitlines()]
    found = [line for line in lines if line.get("logger") == "unheard.access"]
    assert found[0]["route"].endswith("/health/live")
    assert found[0]["status"] == 200
    assert any("unheard is at" in line["message"] for line in lines)
    assert eventually(lambda: process.returncode is not None)
