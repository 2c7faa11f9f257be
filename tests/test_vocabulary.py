"""Test that the code and the documentation use one standard term for each concept.

`retired_words.txt` lists the words that are not used any more, each with its replacement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("retired_words.txt")
SUFFIXES = frozenset({".py", ".md", ".html", ".toml", ".js", ".css"})


@dataclass(frozen=True)
class RetiredWord:
    """A word that is not used any more; `allowed` matches lines on which it has another sense."""

    pattern: re.Pattern[str]
    replacement: str
    allowed: re.Pattern[str] | None

    def is_in(self, line: str) -> bool:
        return self.pattern.search(line) is not None and (self.allowed is None or self.allowed.search(line) is None)


def retired_words() -> list[RetiredWord]:
    """Return the words of the list."""
    words = []
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, replacement, *allowed = line.split("\t")
            words.append(RetiredWord(re.compile(pattern), replacement, re.compile(allowed[0]) if allowed else None))
    return words


def documents() -> list[Path]:
    """Return every source, template and Markdown file that users and developers read."""
    paths = [path for folder in ("src", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    return sorted([*paths, *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CHANGELOG", "CONTRIBUTING"))])


WORDS = retired_words()


def found_in(path: Path) -> list[str]:
    """Return a line for each retired word in a file."""
    text = path.read_text(encoding="utf-8")
    words = [word for word in WORDS if word.pattern.search(text)]  # most files have none
    return [
        f"{path.relative_to(ROOT)}:{number}: {word.pattern.pattern!r}; use: {word.replacement}"
        for number, line in enumerate(text.splitlines(), start=1)
        for word in words
        if word.is_in(line)
    ]


def test_no_retired_words() -> None:
    found = [line for path in documents() for line in found_in(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "n_found"),
    [
        ("the placer of a model", 1),
        ("class TrainWish:", 1),
        ("a leaf of the decision tree", 0),
        ("MOST_BYTES = 240", 1),
        ("the reference and the anchor", 0),
    ],
)
def test_the_list_finds_retired_words_and_allows_other_senses(line: str, n_found: int) -> None:
    assert sum(word.is_in(line) for word in WORDS) == n_found
