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

# Folders and files that still use retired words. Remove an entry when its room is clean, and the list when it is empty.
NOT_YET: tuple[str, ...] = ()


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


def is_not_yet(path: Path) -> bool:
    """Return whether a file belongs to a room of `NOT_YET`."""
    relative = path.relative_to(ROOT)
    return any(relative.is_relative_to(room) for room in NOT_YET)


WORDS = retired_words()
PARAMETERS = [
    pytest.param(
        path,
        id=path.relative_to(ROOT).as_posix(),
        marks=[pytest.mark.xfail(reason="room in NOT_YET", strict=False)] if is_not_yet(path) else [],
    )
    for path in documents()
]


@pytest.mark.parametrize("path", PARAMETERS)
def test_no_retired_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    words = [word for word in WORDS if word.pattern.search(text)]  # most files have none
    found = [
        f"{path.relative_to(ROOT)}:{number}: {word.pattern.pattern!r}; use: {word.replacement}"
        for number, line in enumerate(text.splitlines(), start=1)
        for word in words
        if word.is_in(line)
    ]
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
