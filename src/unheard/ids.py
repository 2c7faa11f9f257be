"""Convert between string ids and dense int32 rows. Ids are used at the borders, rows inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from unheard.arrays import Rows


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
