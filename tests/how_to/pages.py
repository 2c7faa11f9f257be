"""Code blocks of the pages in docs/how-to, and a runner for their commands.

Blocks marked `sh` hold commands of unheard alone; tests run them, in the order of the page, in one process.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.builders.command_line import Ran, run_command

FOLDER = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with a language."""
    text = (FOLDER / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(page: str, names: Mapping[str, str]) -> list[list[str]]:
    """Return the words of each command of the blocks marked `sh`; `names` replaces placeholders."""
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    found = [shlex.split(line, comments=True) for line in lines]
    return [[names.get(word, word) for word in words] for words in found if words]


def run_page(page: str, names: Mapping[str, str]) -> list[Ran]:
    """Run the commands of a page in the present folder; every one has to succeed."""
    ran = []
    for program, *words in commands(page, names):
        assert program == "unheard", f"{page}: {program}: blocks marked sh have commands of unheard alone"
        ran.append(run_command(*words))
        assert ran[-1].code == 0, (page, words, ran[-1])
    assert ran, f"{page}: no commands"
    return ran
