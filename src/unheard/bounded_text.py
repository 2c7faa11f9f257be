"""Bounds for names and numbers from outside, which may be hostile: in tags, in lists and in requests.

Patterns that find guests and versions in a name may look at every pair of its blanks, and what is computed from a name
is cached. So blanks are single and a name has an end before a pattern sees it, and long names are not cached: honest
names are short.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

MAX_CHARACTERS = 1000
CACHED_CHARACTERS = 200
MAX_DIGITS = 15  # of a number

Result = TypeVar("Result")


def bounded(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return a text with single blanks and none around it, at most 1,000 characters, or `most`."""
    return " ".join(text[: 4 * most].split())[:most].strip()


def whole_number(text: str) -> int | None:
    """Return a number of up to 15 digits from 0 to 9; None for any other text, such as "²" or a million digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def cached_short(maxsize: int) -> Callable[[Callable[[str], Result]], Callable[[str], Result]]:
    """Return a decorator that caches the results of a function for the last `maxsize` texts, but for long ones."""

    def decorate(function: Callable[[str], Result]) -> Callable[[str], Result]:
        cached = lru_cache(maxsize=maxsize)(function)

        @wraps(function)
        def called(text: str) -> Result:
            return cached(text) if len(text) <= CACHED_CHARACTERS else function(text)

        return called

    return decorate
