"""The commands and the program of docs/tutorial.md after its first, in the small music world instead of the demo's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.how_to.pages import blocks, run_page

PAGE = "../tutorial.md"
NAMES = {"p0001": "p03", "belamora-almanac-01": "t00-0", "demo-world/audio/song.ogg": "t01-0"}


@pytest.mark.long
def test_the_commands_and_the_program_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "demo-world").mkdir()
    workspace = (folder / "W").rename(folder / "demo-world" / "workspace")
    shutil.rmtree(workspace / "models")  # of a recipe that exists in tests alone
    ran = run_page(PAGE, NAMES)
    assert "For playlist p03 (blend, split artists, cold)" in ran[6].stdout
    assert (folder / "new.m3u8").is_file()
    (program,) = blocks(PAGE, "python")
    exec(program.replace("p0001", "p03"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3
