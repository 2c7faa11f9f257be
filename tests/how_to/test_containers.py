"""The container file and the compose file, as far as they can be checked without a daemon and a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.builders.server import running
from unheard.serve.config import ServeConfig
from unheard.workspace import Settings, Workspace

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = frozenset(
    ["FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"]
)


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the container file with their arguments, continued lines joined."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def test_every_instruction_is_known_and_copies_files_that_exist() -> None:
    found = instructions()
    assert found[0][0] == "FROM"
    assert {name for name, _ in found} <= INSTRUCTIONS
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[0] == "*"
    for name, arguments in found:
        if name == "COPY":
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(fnmatch(source.removeprefix("./"), pattern) for pattern in kept), source
        elif name in ("CMD", "ENTRYPOINT"):
            assert all(isinstance(word, str) for word in json.loads(arguments))
    settled = dict(found)
    assert settled["USER"] != "root"
    assert settled["EXPOSE"] == "8000"


def test_the_health_check_asks_a_real_server(tmp_path: Path) -> None:
    arguments = dict(instructions())["HEALTHCHECK"]
    words = json.loads(arguments[arguments.index("CMD") + 3 :])
    assert words[0] == "python"
    Workspace.init(tmp_path / "w", Settings())
    with running(ServeConfig(workspace=tmp_path / "w")) as url:
        ask = [sys.executable, *(word.replace("http://127.0.0.1:8000", url) for word in words[1:])]
        assert subprocess.run(ask, check=False, timeout=60).returncode == 0
    assert subprocess.run(ask, check=False, timeout=60, capture_output=True).returncode != 0


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode:
        pytest.skip("docker compose is not installed")
    subprocess.run(
        [docker, "compose", "-f", ROOT / "compose.yaml", "config", "--quiet"],
        env={"MUSIC": "/music", "PLAYLISTS": "/playlists", "HOME": str(tmp_path)},
        check=True,
        timeout=60,
    )
