"""Look up strings in a sorted list by their beginning, by any part, and with typing errors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from unheard.arrays import Indices
from unheard.strings import Strings

END = "\U0010ffff"  # above every character of a word
MIN_LETTERS_1_ERROR, MIN_LETTERS_2_ERRORS = 3, 8
SHORT = 4  # letters of a word whose first letter has to be right
BITS = 64


def errors_allowed(word: str) -> int:
    """Return how many typing errors (letters left out, added, replaced or swapped) a word may have."""
    return int(len(word) >= MIN_LETTERS_1_ERROR) + int(len(word) >= MIN_LETTERS_2_ERRORS)


class Vocabulary:
    """Distinct strings without line breaks, sorted; results are their numbers.

    strings  sorted
    lengths  (n,) letters of each
    letters  (n,) which letters each has, as bits that some letters share. A typing error changes at most two, so few
             strings have to be compared letter by letter
    """

    def __init__(self, strings: Iterable[str]) -> None:
        ordered = sorted(strings)
        self.strings = Strings(ordered)
        self.lengths: NDArray[np.int32] = np.fromiter(map(len, ordered), np.int32, len(ordered))
        self.letters: NDArray[np.uint64] = np.fromiter(map(letters_of, ordered), np.uint64, len(ordered))

    def __len__(self) -> int:
        return len(self.strings)

    def equal(self, string: str) -> Indices:
        """Return the number of a string; empty if it is not in the list."""
        at = self.strings.first_at_least(string)
        return np.arange(at, at + int(at < len(self) and self.strings[at] == string))

    def starting(self, string: str) -> Indices:
        """Return the strings that start with a string, itself included."""
        return np.arange(self.strings.first_at_least(string), self.strings.first_at_least(string + END))

    def containing(self, string: str) -> Indices:
        """Return the strings that contain a string.

        One search in one long text is faster than a search in each string.
        """
        return self.strings.containing(string)

    def near(self, string: str, *, errors: int) -> Indices:
        """Return the strings that differ by at most `errors` typing errors; short ones share the first letter."""
        numbers = np.flatnonzero(np.abs(self.lengths - np.int32(len(string))) <= errors)
        if len(numbers):
            changed = np.bitwise_count(self.letters[numbers] ^ np.uint64(letters_of(string)))
            numbers = numbers[changed <= 2 * errors]
        return self._near(string, numbers, errors)

    def starting_near(self, string: str, *, errors: int) -> Indices:
        """Return the longer strings whose first letters, as many as `string` has, differ by at most `errors`."""
        numbers = np.flatnonzero(self.lengths > len(string))
        if len(numbers):  # the other letters of a longer string may be any
            missing = np.bitwise_count(~self.letters[numbers] & np.uint64(letters_of(string)))
            numbers = numbers[missing <= errors]
        return self._near(string, numbers, errors, len(string))

    def _near(self, string: str, numbers: Indices, errors: int, end: int | None = None) -> Indices:
        """Return which of some strings, cut at `end`, are near a string."""
        if not errors or not len(numbers):
            return np.empty(0, np.int64)
        strings = [self.strings[at][:end] for at in numbers.tolist()]
        distances = cdist([string], strings, scorer=OSA.distance, score_cutoff=errors, dtype=np.uint8)
        near = np.flatnonzero(distances[0] <= errors)
        if len(string) <= SHORT:
            near = np.array([at for at in near if strings[at][:1] == string[:1]], np.int64)
        return numbers[near]


def letters_of(string: str) -> int:
    """Return a number with a bit for each different letter; letters may share one."""
    found = 0
    for letter in set(string):
        found |= 1 << (ord(letter) % BITS)
    return found
