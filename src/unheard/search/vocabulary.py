"""Look up strings in a sorted list by their beginning, by any part, and with typing errors."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from itertools import chain

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from unheard.arrays import Indices

END = "\U0010ffff"  # above every character of a word
MIN_LETTERS_1_ERROR, MIN_LETTERS_2_ERRORS = 3, 8
SHORT = 4  # letters of a word whose first letter has to be right


def errors_allowed(word: str) -> int:
    """Return how many typing errors (letters left out, added, replaced or swapped) a word may have."""
    return int(len(word) >= MIN_LETTERS_1_ERROR) + int(len(word) >= MIN_LETTERS_2_ERRORS)


class Vocabulary:
    """Distinct strings without line breaks, sorted; results are their numbers."""

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings = sorted(strings)
        lengths = np.fromiter(map(len, self.strings), np.int64, len(self.strings))
        of_length = {int(n): np.flatnonzero(lengths == n) for n in np.unique(lengths)}
        self._of_length = {n: (numbers, [self.strings[at] for at in numbers.tolist()]) for n, numbers in of_length.items()}
        self._text = "\n".join(self.strings)
        self._starts = np.concatenate([[0], np.cumsum(lengths + 1)])

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
        lengths = range(len(string) - errors, len(string) + errors + 1)
        return self._near(string, [length for length in lengths if length in self._of_length], errors)

    def starting_near(self, string: str, *, errors: int) -> Indices:
        """Return the longer strings whose first letters, as many as `string` has, differ by at most `errors`."""
        return self._near(string, [length for length in self._of_length if length > len(string)], errors, len(string))

    def _near(self, string: str, lengths: list[int], errors: int, end: int | None = None) -> Indices:
        """Return the strings of some lengths that, cut at `end`, are near a string."""
        if not errors or not lengths:
            return np.empty(0, np.int64)
        numbers = np.concatenate([self._of_length[length][0] for length in lengths])
        strings = list(chain.from_iterable(self._of_length[length][1] for length in lengths))
        if end is not None:
            strings = [other[:end] for other in strings]
        distances = cdist([string], strings, scorer=OSA.distance, score_cutoff=errors, dtype=np.uint8)
        near = np.flatnonzero(distances[0] <= errors)
        if len(string) <= SHORT:
            near = np.array([at for at in near if strings[at][:1] == string[:1]], np.int64)
        return np.sort(numbers[near])
