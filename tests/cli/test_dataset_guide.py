"""Run every command of docs/how-to/datasets.md on made-up copies of the data sets."""

from __future__ import annotations

import re
import shlex
from glob import glob
from pathlib import Path

import pytest

from tests.builders.command_line import run_command
from tests.builders.data_sets import write_data_sets
from unheard.plays.formats import DATA_SETS

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "datasets.md"


def commands() -> list[list[str]]:
    """Return the words of every command in the guide's blocks of code, in order."""
    blocks = re.findall(r"^```\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert all(line.startswith("unheard ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


def expanded(word: str) -> list[str]:
    """Return what a shell makes of a word with a star."""
    return sorted(glob(word)) if "*" in word else [word]  # noqa: PTH207 - patterns are relative to the folder


def test_every_command_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data_sets(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = commands()
    assert len(found) > 20
    for words in found:
        ran = run_command(*(one for word in words for one in expanded(word)))
        assert ran.code == 0, (words, ran.stderr)
        if words[0] == "import":
            rates = re.findall(r"\((\d+\.\d)%\)", ran.stdout + ran.stderr)
            assert rates, ran
            assert all(float(rate) > 90 for rate in rates), (words, rates)
    assert {path.name for path in tmp_path.glob("yambda-*")} == {"yambda-recbole", "yambda-coldrec", "yambda-acarec"}


def test_guide_has_a_section_for_every_data_set() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    for data_set in DATA_SETS:
        name = data_set.name.replace(" Playlist Dataset", "")
        assert name in headings or name in text, name  # Last.fm 360K is in the section of its sibling
