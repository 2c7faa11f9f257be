"""Look up strings in a sorted list by their beginning, by any part, and with typing errors."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from unheard.arrays import Indices

END = "\U0010ffff"  # above every character of a word
MIN_LETTERS_1_ERROR, MIN_LETTERS_2_ERRORS = 4, 8


def errors_allowed(word: str) -> int:
    """Return how many typing errors (letters left out, added, replaced or swapped) a word may have."""
    return int(len(word) >= MIN_LETTERS_1_ERROR) + int(len(word) >= MIN_LETTERS_2_ERRORS)


class Vocabulary:
    """Distinct strings without line breaks, sorted; results are their numbers."""

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings = sorted(strings)
        self._lengths = np.fromiter(map(len, self.strings), np.int32, len(self.strings))
        self._text = "\n".join(self.strings)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths + 1)])

    def __len__(self) -> int:
        return len(self.strings)

    def equal(self, string: str) -> Indices:
        """Return the number of a string; empty if it is not in the list."""
        at = bisect.bisect_left(self.strings, string)
        return np.arange(at, at + int(self.strings[at : at + 1] == [string]))

    def starting(self, string: str) -> Indices:
        """Return the strings that start with a string, itself included."""
        return np.arange(bisect.bisect_left(self.strings, string), bisect.bisect_left(self.strings, string + END))

    def containing(self, string: str) -> Indices:
        """Return the strings that contain a string.

        One search in one long text is faster than a search in each string.
        """
        found, at = [], self._text.find(string)
        while at >= 0:
            found.append(at)
            at = self._text.find(string, at + 1)
        return np.unique(np.searchsorted(self._starts, np.array(found, np.int64), side="right") - 1)

    def near(self, string: str, *, errors: int) -> Indices:
        """Return the strings that differ by at most `errors` typing errors; short ones share the first letter."""
        close = np.abs(self._lengths - len(string)) <= errors
        return self._compare(string, np.flatnonzero(close), errors, None)

    def starting_near(self, string: str, *, errors: int) -> Indices:
        """Return the longer strings whose first letters, as many as `string` has, differ by at most `errors`."""
        return self._compare(string, np.flatnonzero(self._lengths > len(string)), errors, len(string))

    def _compare(self, string: str, numbers: Indices, errors: int, length: int | None) -> Indices:
        if not errors or not len(numbers):
            return np.empty(0, np.int64)
        strings = [self.strings[number][:length] for number in numbers]
        if len(string) <= MIN_LETTERS_1_ERROR:
            same = np.array([other[:1] == string[:1] for other in strings], np.bool_)
            numbers, strings = numbers[same], [other for other, keep in zip(strings, same, strict=True) if keep]
        distances: NDArray[np.uint8] = cdist([string], strings, scorer=OSA.distance, score_cutoff=errors, dtype=np.uint8)
        return numbers[distances[0] <= errors]
