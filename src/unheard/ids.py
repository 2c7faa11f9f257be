"""Convert between string ids and dense int32 rows. Ids are used at the borders, rows inside."""

from __future__ import annotations

import bisect
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Rows
from unheard.strings import Strings

MAX_ID_CHARS = 1_000
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # but for white space, which quoted cells may hold


def id_problem(name: str) -> str:
    """Return what is wrong with an id that a user gives; empty if nothing is.

    Control characters may steer a terminal or end a text in C; surrogates are no text.
    """
    if not name:
        return "is empty"
    if CONTROL.search(name):
        return "has control characters"
    if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
        return "is not Unicode text"
    return f"has more than {MAX_ID_CHARS:,} characters" if len(name) > MAX_ID_CHARS else ""


class IdMap:
    """A frozen bijection of `n` distinct strings and the rows 0 .. n-1."""

    __slots__ = ("_ids", "_rows")

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = tuple(ids)
        self._rows = {name: row for row, name in enumerate(self._ids)}
        if len(self._rows) != len(self._ids):
            twice = next(name for row, name in enumerate(self._ids) if self._rows[name] != row)
            raise ValueError(f"ids must be distinct, {twice!r} is there twice")

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, row: int) -> str:
        return self._ids[row]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and self._ids == other._ids

    def __hash__(self) -> int:
        return hash(self._ids)

    def row(self, name: str) -> int:
        """Return the row of one id; raise KeyError if it is unknown."""
        return self._rows[name]

    def rows(self, names: Iterable[str], *, missing: int | None = None) -> Rows:
        """Return the rows of `names`, (len(names),); unknown ids become `missing`, or raise KeyError if it is None."""
        if missing is None:
            return np.fromiter((self._rows[name] for name in names), np.int32)
        return np.fromiter((self._rows.get(name, missing) for name in names), np.int32)

    def take(self, rows: Sequence[int] | Rows) -> list[str]:
        """Return the ids of `rows`, in their order."""
        return [self._ids[int(row)] for row in rows]


class StoredIds(IdMap):
    """A bijection in arrays, which may be mapped from a file: nothing is read before it is asked for.

    It needs a few microseconds for an id where `IdMap` needs a tenth of one, and hardly any memory.

    strings  the ids, by row
    keys     (n,) uint32, the CRC-32 of the ids, ascending
    order    (n,) int32, the row of each key
    """

    __slots__ = ("keys", "order", "strings")

    def __init__(self, ids: Iterable[str]) -> None:
        self.strings = Strings(ids)
        keys = np.fromiter(map(_key, self.strings), np.uint32, len(self.strings))
        self.order: Rows = np.argsort(keys, kind="stable").astype(np.int32)
        self.keys: NDArray[np.uint32] = keys[self.order]

    @property
    def _ids(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.strings)

    def __len__(self) -> int:
        return len(self.strings)

    def __iter__(self) -> Iterator[str]:
        return iter(self.strings)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) >= 0

    def __getitem__(self, row: int) -> str:
        return self.strings[row]

    __hash__ = IdMap.__hash__

    def row(self, name: str) -> int:
        found = self._find(name)
        if found < 0:
            raise KeyError(name)
        return found

    def rows(self, names: Iterable[str], *, missing: int | None = None) -> Rows:
        if missing is None:
            return np.fromiter(map(self.row, names), np.int32)
        found = np.fromiter(map(self._find, names), np.int32)
        return np.where(found < 0, np.int32(missing), found)

    def take(self, rows: Sequence[int] | Rows) -> list[str]:
        return [self.strings[int(row)] for row in rows]

    def __getstate__(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def _find(self, name: str) -> int:
        """Return the row of an id, -1 without one."""
        keys, wanted = self.keys.data, _key(name)
        at = bisect.bisect_left(keys, wanted)
        while at < len(keys) and keys[at] == wanted:
            row = int(self.order[at])
            if self.strings[row] == name:
                return row
            at += 1  # another id with the same key
        return -1


def _key(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))
