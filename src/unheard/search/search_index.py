"""Search documents by the words of their fields: whole words first, then beginnings, then spellings and typing errors.

A document has names (title, artists) and other fields (album, genre, year). It is found if every word of the query
matches one of its words; how well is the sum of these costs:

    EXACT      the same word                     SOUND  another transcription (folding.py)
    BEGINNING  the word starts with it           ERROR  one or two typing errors (vocabulary.py)
    INSIDE     the word contains it

Typing errors, and parts of names written in one word, are only tried if fewer than ENOUGH documents are found without,
and none of them by whole words.

Documents with a name that equals the query come first, then those with a name that starts with it, then the others by
cost; of equal ones those with fewer words in their names.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from unheard.arrays import Indices, Rows
from unheard.search.folding import OPTIONAL_WORDS, compact, in_latin, query_forms, sound_of, words_of
from unheard.search.vocabulary import Vocabulary, errors_allowed

EXACT, BEGINNING, INSIDE, SOUND, ERROR = 0, 2, 4, 5, 7
OTHER_FIELD = 1  # added if the word is only in another field than the names
MIN_LETTERS_INSIDE = 3  # of a word in Latin letters or digits that is searched inside of words
MAX_WORDS = 20  # of a query, different ones of a longer one; each is compared with every document
NOT_FOUND = 10_000  # above the sum of the costs of any query
ENOUGH = 10
EQUAL_NAME, BEGINNING_OF_NAME = -2 * NOT_FOUND, -NOT_FOUND  # before all costs
MIN_NAME_PART = 4  # letters of a query that is searched inside of whole names

Costs = NDArray[np.int32]


class SearchIndex:
    """An index of documents; results are their rows."""

    def __init__(self, documents: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
        """Index documents, each a pair (names, other fields); equally good ones are sorted by their first two names."""
        words, names = _Numbers(), _Numbers()
        in_names, in_others, whole_names = _Lists(), _Lists(), _Lists()
        first_names = array("q")

        @cache
        def of_field(field: str) -> tuple[int, ...]:
            return tuple(words[word] for word in words_of(field))

        @cache
        def of_fields(fields: tuple[str, ...]) -> tuple[int, ...]:
            return tuple(chain.from_iterable(map(of_field, fields)))

        @cache
        def of_name(name: str) -> tuple[int, ...]:
            return tuple(names[key] for key in _name_keys(name))

        for its_names, others in documents:
            whole = [of_name(name) for name in its_names]
            whole_names.add(chain.from_iterable(whole))
            in_names.add(chain.from_iterable(map(of_field, its_names)))
            in_others.add(of_fields(tuple(others)))
            first_names.extend((whole[0][0], whole[min(1, len(whole) - 1)][0]))
        self._words, of_word = words.sorted()
        self._names, of_whole = names.sorted()
        self._in_names, self._in_others = in_names.by_number(of_word), in_others.by_number(of_word)
        self._whole_names = whole_names.by_number(of_whole)
        first, second = of_whole[np.array(first_names).reshape(-1, 2)].T
        self._order = np.lexsort((second, first))
        by_name = np.empty(len(self._order), np.int64)
        by_name[self._order] = np.arange(len(by_name))
        self._position = np.empty_like(by_name)  # how equally good documents are sorted
        self._position[np.lexsort((by_name, in_names.lengths))] = np.arange(len(by_name))
        sounds = [sound_of(word) for word in self._words.strings]
        self._sounds = Vocabulary(set(sounds))
        number = {sound: at for at, sound in enumerate(self._sounds.strings)}
        self._sound_of_word = np.array([number[sound] for sound in sounds], np.int64)

    def __len__(self) -> int:
        return len(self._order)

    def search(self, query: str) -> Rows:
        """Return the documents that match a query, best first; all, by name, for a blank one."""
        if not query.strip():
            return self._order
        costs = self._costs(query, errors=False)
        if (costs < NOT_FOUND).sum() < ENOUGH and not (costs < BEGINNING).any():
            costs = np.minimum(costs, self._costs(query, errors=True))
        found = np.flatnonzero(costs < NOT_FOUND)
        return found[np.argsort(costs[found] * len(self) + self._position[found])]

    def named(self, query: str) -> Rows:
        """Return the documents with a name that equals a query after folding."""
        keys = [number for key in _name_keys(query) for number in self._names.equal(key)]
        return np.unique(_rows(self._whole_names, np.unique(np.array(keys, np.int64))))

    def _costs(self, query: str, *, errors: bool) -> Costs:
        """Return the cost of each document, at least NOT_FOUND if it does not match."""
        best = np.full(len(self), NOT_FOUND, np.int32)
        for number, words in enumerate(query_forms(query)):
            words = words if len(words) <= MAX_WORDS else list(dict.fromkeys(words))[:MAX_WORDS]
            required = [word for word in words if word not in OPTIONAL_WORDS] or words
            total = np.full(len(self), min(number, 1), np.int32)
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
        sound = sound_of(word)
        matches = [(self._words.equal(word), EXACT), (self._words.starting(word), BEGINNING)]  # the cheapest first
        if len(word) >= MIN_LETTERS_INSIDE or not word.isascii():
            matches.append((self._words.containing(word), INSIDE))
        if sound:
            matches.append((self._with_sounds(self._sounds.equal(sound)), SOUND))
            matches.append((self._with_sounds(self._sounds.starting(sound)), SOUND + BEGINNING))
        if errors:
            matches.append((self._with_sounds(self._sounds.near(sound, errors=errors_allowed(word))), ERROR))
            if last:
                begun = self._sounds.starting_near(sound, errors=min(1, errors_allowed(word)))
                matches.append((self._with_sounds(begun), ERROR + BEGINNING))
        costs = np.full(len(self), NOT_FOUND, np.int32)
        is_done = np.zeros(len(self._words), np.bool_)
        for found, cost in matches:
            words = found[~is_done[found]]
            is_done[words] = True
            for matrix, added in ((self._in_names, 0), (self._in_others, OTHER_FIELD)):
                rows = _rows(matrix, words)
                costs[rows] = np.minimum(costs[rows], cost + added)
        return costs

    def _with_sounds(self, sounds: Indices) -> Indices:
        chosen = np.zeros(len(self._sounds), np.bool_)
        chosen[sounds] = True
        return np.flatnonzero(chosen[self._sound_of_word])


def _name_keys(text: str) -> list[str]:
    """Return a name in one word, also in Latin letters."""
    key = compact(text)
    return [key] if not key or key.isascii() else [key, in_latin(key) or key]


def _rows(matrix: csc_matrix, columns: Indices) -> Indices:
    """Return the rows of the stored entries of some columns (ascending)."""
    if len(columns) == 0:
        return np.empty(0, np.int64)
    if columns[-1] - columns[0] == len(columns) - 1:  # neighbours, as with a common beginning
        rows: Indices = matrix.indices[matrix.indptr[columns[0]] : matrix.indptr[columns[-1] + 1]]
    else:
        rows = matrix[:, columns].indices
    return rows


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


class _Lists:
    """The numbers of each document."""

    def __init__(self) -> None:
        self._flat, self._ends = array("q"), array("q", [0])

    def add(self, numbers: Iterable[int]) -> None:
        self._flat.extend(numbers)
        self._ends.append(len(self._flat))

    @property
    def lengths(self) -> Indices:
        return np.diff(self._ends)

    def by_number(self, renumbered: Indices) -> csc_matrix:
        """Return a (document, number) matrix whose stored entries are the numbers of each document."""
        entries = (np.ones(len(self._flat), np.int8), renumbered[np.array(self._flat)], np.array(self._ends))
        return csr_matrix(entries, shape=(len(self._ends) - 1, len(renumbered))).tocsc()
