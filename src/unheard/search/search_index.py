"""Search documents by the words of their fields: whole words first, then beginnings, then spellings and typing errors.

A document has names (title, artists) and other fields (album, genre, year). It is found if every word of the query
matches one of its words; how well is the sum of these costs:

    EXACT      the same word                     SOUND  another transcription (folding.py)
    BEGINNING  the word starts with it           ERROR  one or two typing errors (vocabulary.py)
    INSIDE     the word contains it

Typing errors, and names that are written in one word or in several, are only tried if fewer than ENOUGH documents are
found without. Documents with a name that equals the query come first, then those with a name that starts with it, then
the others by cost; of equal ones those with fewer words in their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from unheard.arrays import Indices, Rows
from unheard.search.folding import OPTIONAL_WORDS, compact, in_latin, query_forms, sound_of, words_of
from unheard.search.vocabulary import Vocabulary, errors_allowed

EXACT, BEGINNING, INSIDE, SOUND, ERROR = 0, 2, 4, 5, 7
OTHER_FIELD = 1  # added if the word is only in another field than the names
ALL_SCRIPTS_INSIDE = 3  # letters; shorter Latin words are not searched inside of words
NOT_FOUND = 100
ENOUGH = 10
EQUAL_NAME, BEGINNING_OF_NAME = -20_000, -10_000  # before all costs
MIN_NAME_PART = 4  # letters of a query that is searched inside of whole names

Costs = NDArray[np.int16]


class SearchIndex:
    """An index of documents; results are their rows."""

    def __init__(self, documents: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
        """Index documents, each a pair (names, other fields)."""
        words, names = _Numbers(), _Numbers()
        in_names, in_others, whole_names = _Postings(), _Postings(), _Postings()
        of_field: dict[str, list[int]] = {}
        of_name: dict[str, list[int]] = {}

        def numbers_of(texts: Sequence[str]) -> list[int]:
            found: list[int] = []
            for text in texts:
                if text not in of_field:
                    of_field[text] = [words[word] for word in words_of(text)]
                found += of_field[text]
            return found

        for its_names, others in documents:
            in_names.append(numbers_of(its_names))
            in_others.append(numbers_of(others))
            whole: list[int] = []
            for text in its_names:
                if text not in of_name:
                    of_name[text] = [names[key] for key in _name_keys(text)]
                whole += of_name[text]
            whole_names.append(whole)
        self._words, of_word = words.sorted()
        self._names, of_whole = names.sorted()
        self._in_names, self._in_others = in_names.by_number(of_word), in_others.by_number(of_word)
        self._whole_names = whole_names.by_number(of_whole)
        self._n_name_words = in_names.lengths
        sounds = [sound_of(word) for word in self._words.strings]
        self._sounds = Vocabulary(set(sounds))
        number = {sound: at for at, sound in enumerate(self._sounds.strings)}
        self._sound_of_word = np.array([number[sound] for sound in sounds], np.int64)

    def __len__(self) -> int:
        return len(self._n_name_words)

    def search(self, query: str) -> Rows:
        """Return the documents that match a query, best first; all in their order for a blank one."""
        if not query.strip():
            return np.arange(len(self), dtype=np.int32)
        costs = self._costs(query, errors=False)
        if (costs < NOT_FOUND).sum() < ENOUGH:
            costs = np.minimum(costs, self._costs(query, errors=True))
        found = np.flatnonzero(costs < NOT_FOUND)
        return found[np.lexsort((found, self._n_name_words[found], costs[found]))].astype(np.int32)

    def named(self, query: str) -> Rows:
        """Return the documents with a name that equals a query after folding."""
        keys = [number for key in _name_keys(query) for number in self._names.equal(key)]
        return np.unique(_rows(self._whole_names, np.array(keys, np.int64))).astype(np.int32)

    def _costs(self, query: str, *, errors: bool) -> Costs:
        """Return the cost of each document, NOT_FOUND and more if it does not match."""
        best = np.full(len(self), NOT_FOUND, np.int16)
        for number, words in enumerate(query_forms(query)):
            required = [word for word in words if word not in OPTIONAL_WORDS] or words
            total = np.full(len(self), min(number, 1), np.int16)
            for at, word in enumerate(required):
                total += self._costs_of_word(word, errors=errors, last=at == len(required) - 1)
            for word in set(words) - set(required):
                total += np.minimum(self._costs_of_word(word, errors=False, last=False), OTHER_FIELD)
            best = np.minimum(best, total)
        for key in _name_keys(query):
            if errors and len(key) >= MIN_NAME_PART:
                near = self._names.near(key, errors=errors_allowed(key))
                for numbers, cost in ((near, ERROR), (self._names.containing(key), INSIDE)):
                    rows = _rows(self._whole_names, numbers)
                    best[rows] = np.minimum(best[rows], cost)
            starting = _rows(self._whole_names, self._names.starting(key))
            starting = starting[(best[starting] < NOT_FOUND) & (best[starting] >= 0)]
            best[np.unique(starting)] += BEGINNING_OF_NAME
            best[_rows(self._whole_names, self._names.equal(key))] = EQUAL_NAME
        return best

    def _costs_of_word(self, word: str, *, errors: bool, last: bool) -> Costs:
        """Return the cost of one word for each document; `last`: more letters may follow."""
        costs = np.full(len(self), NOT_FOUND, np.int16)
        sound = sound_of(word)
        if errors:
            if last:
                begun = self._sounds.starting_near(sound, errors=min(1, errors_allowed(word)))
                self._lower(costs, self._with_sounds(begun), ERROR + BEGINNING)
            self._lower(costs, self._with_sounds(self._sounds.near(sound, errors=errors_allowed(word))), ERROR)
        if sound:
            self._lower(costs, self._with_sounds(self._sounds.starting(sound)), SOUND + BEGINNING)
            self._lower(costs, self._with_sounds(self._sounds.equal(sound)), SOUND)
        if len(word) >= ALL_SCRIPTS_INSIDE or not word.isascii():
            self._lower(costs, self._words.containing(word), INSIDE)
        self._lower(costs, self._words.starting(word), BEGINNING)
        self._lower(costs, self._words.equal(word), EXACT)
        return costs

    def _lower(self, costs: Costs, words: Indices, cost: int) -> None:
        """Set the cost of the documents with some words; later calls have lower costs."""
        for matrix, added in ((self._in_others, OTHER_FIELD), (self._in_names, 0)):
            rows = _rows(matrix, words)
            costs[rows] = np.minimum(costs[rows], cost + added)

    def _with_sounds(self, sounds: Indices) -> Indices:
        chosen = np.zeros(len(self._sounds), np.bool_)
        chosen[sounds] = True
        return np.flatnonzero(chosen[self._sound_of_word])


def _name_keys(text: str) -> list[str]:
    """Return a name in one word, also in Latin letters."""
    key = compact(text)
    return [key] if not key or key.isascii() else [key, in_latin(key) or key]


def _rows(matrix: csc_matrix, columns: Indices) -> Indices:
    """Return the rows of the stored entries of some columns."""
    if len(columns) == 0:
        return np.empty(0, np.int64)
    if columns[-1] - columns[0] == len(columns) - 1:  # neighbours, as with a common beginning
        return matrix.indices[matrix.indptr[columns[0]] : matrix.indptr[columns[-1] + 1]]
    return matrix[:, columns].indices


class _Numbers(dict[str, int]):
    """Numbers strings in the order in which they are first asked for."""

    def __missing__(self, string: str) -> int:
        self[string] = number = len(self)
        return number

    def sorted(self) -> tuple[Vocabulary, Indices]:
        """Return the strings as a vocabulary, and the number there of each number here."""
        vocabulary = Vocabulary(self)
        out = np.empty(len(self), np.int64)
        out[[self[string] for string in vocabulary.strings]] = np.arange(len(self))
        return vocabulary, out


class _Postings:
    """Collects the numbers of each document."""

    def __init__(self) -> None:
        self._lists: list[list[int]] = []

    def append(self, numbers: list[int]) -> None:
        self._lists.append(numbers)

    @property
    def lengths(self) -> Indices:
        return np.fromiter(map(len, self._lists), np.int64, len(self._lists))

    def by_number(self, renumbered: Indices) -> csc_matrix:
        """Return a (document, number) matrix whose stored entries are the numbers of each document."""
        starts = np.fromiter(accumulate(map(len, self._lists), initial=0), np.int64, len(self._lists) + 1)
        flat = np.fromiter((number for numbers in self._lists for number in numbers), np.int64, int(starts[-1]))
        entries = (np.ones(len(flat), np.int8), renumbered[flat], starts)
        return csr_matrix(entries, shape=(len(self._lists), len(renumbered))).tocsc()
