"""Tests that documented commands and options exist, and that imports are lazy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer import Context
from typer.main import get_group

import unheard
from tests.builders.command_line import Run
from unheard.cli.app import app

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"^\s*(?:\.venv/bin/)?unheard ([a-z][a-z-]*)([^\n#;`|&]*)", re.MULTILINE)

GROUPS = {group.name for group in app.registered_groups}


def commands() -> list[tuple[str, str, str]]:
    """(document, command, words) of every command line in a code block or span of the documents."""
    found = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        code = "\n".join(re.findall(r"```.*?\n(.*?)```", text, re.DOTALL) + re.findall(r"`([^`\n]+)`", text))
        found += [(path.name, match[1], match[2]) for match in COMMAND.finditer(code)]
    return found


@pytest.mark.parametrize(("document", "command", "words"), commands())
def test_documented_commands_and_options_exist(document: str, command: str, words: str, run: Run) -> None:
    group = [word for word in words.split()[:1] if command in GROUPS and not word.startswith("-")]
    ran = run(command, *group, "--help")
    assert ran.code == 0, (document, command)
    for option in re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", words):
        assert re.search(rf"{option}\b", ran.stdout), (document, command, option)


def test_the_readme_fits_on_two_pages() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_every_command_is_in_the_readme_or_a_page_that_it_names() -> None:
    pages = ("README.md", "docs/guide.md", "docs/measuring.md", "docs/scaling.md")
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in pages)
    assert all(f"({page})" in text for page in pages[1:])
    for command in app.registered_commands:
        assert f"unheard {command.name}" in text, command.name
    for group in app.registered_groups:
        assert group.typer_instance is not None
        click_group = get_group(group.typer_instance)
        for name in click_group.list_commands(Context(click_group)):
            assert f"unheard {group.name} {name}" in text, name


def test_the_public_surface_is_small() -> None:
    assert unheard.__all__ == [
        "AudioError",
        "Filters",
        "ListOptions",
        "LockedError",
        "MissingStageError",
        "Recommendation",
        "Session",
        "TableError",
        "UnheardError",
        "UserError",
        "__version__",
        "open",
    ]
    for name in unheard.__all__:
        assert getattr(unheard, name) is not None
        assert name in dir(unheard)
    with pytest.raises(AttributeError, match="module 'unheard' has no attribute 'close'"):
        unheard.close  # type: ignore[attr-defined]  # noqa: B018
    assert re.fullmatch(r"\d+\.\d+\.\d+", unheard.__version__)


@pytest.mark.parametrize(
    "module", ["unheard", "unheard.cli.app", "unheard.session", "unheard.evaluate.evaluate", "unheard.demo.generator"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    heavy = ["torch", "sklearn", "librosa", "matplotlib", "pyarrow", "av", "h5py", "implicit", "ranx"]
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_help_loads_no_arrays_progress_bars_or_metadata() -> None:
    slow = ["numpy", "rich.progress", "importlib.metadata"]
    code = f"import sys, unheard.cli.app; print([name for name in {slow!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_commands_in_messages_quote_the_workspace() -> None:
    """A folder may be called "My Music". (`damage.py` quotes it once, into `root`.)"""
    for path in (ROOT / "src").rglob("*.py"):
        bare = re.findall(r"-w \{(?!quoted\()[^}]*\}", path.read_text(encoding="utf-8"))
        assert path.name == "damage.py" or not bare, (path, bare)


def test_importing_the_package_loads_none_of_it() -> None:
    code = "import sys, unheard; print([name for name in sys.modules if name.startswith(('unheard.', 'numpy'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_requirement_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"
