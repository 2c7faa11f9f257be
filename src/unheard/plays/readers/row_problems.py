"""Collect what is left out of a table: invalid rows, with the first reasons, and rows that are no plays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from unheard.arrays import Indices
from unheard.errors import TableError
from unheard.plays.readers.columns import MAX_EXPLAINED

RowsOf = Callable[[Sequence[int]], dict[int, int]]  # records -> their row numbers


@dataclass
class RowProblems:
    """What is left out of one table.

    rows      number of rows that are not blank
    invalid   number of rows that cannot be read
    left_out  kind of row -> number of rows that are valid but hold no play
    """

    path: Path
    rows: int = 0
    invalid: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    _of_rows: list[TableError] = field(default_factory=list)
    _of_records: list[tuple[int, TableError]] = field(default_factory=list)

    def note(self, row: int, problem: str, fix: str) -> None:
        """Add an invalid row, which is not counted elsewhere."""
        self.rows += 1
        self.invalid += 1
        if len(self._of_rows) < MAX_EXPLAINED:
            self._of_rows.append(TableError(self.path, problem, fix, row=row))

    def note_records(self, records: Indices, explain: Callable[[int], TableError]) -> None:
        """Add invalid records, whose rows are counted already."""
        self.invalid += len(records)
        self._of_records += [(record, explain(record)) for record in records[:MAX_EXPLAINED].tolist()]

    def first(self, rows_of: RowsOf) -> list[TableError]:
        """Return the errors of the first invalid rows, in the order of the rows."""
        records = sorted(self._of_records, key=lambda item: item[0])[:MAX_EXPLAINED]
        rows = rows_of([record for record, _ in records]) if records else {}
        errors = [error.at_row(rows.get(record, record + 1)) for record, error in records]
        return sorted([*self._of_rows, *errors], key=lambda error: error.row or 0)[:MAX_EXPLAINED]

    def check(self, first: Sequence[TableError], *, n_plays: int) -> None:
        """Raise TableError if there are no rows, no plays, or if most rows are invalid: then the table itself is."""
        if 2 * self.invalid > self.rows or (self.invalid and not n_plays):
            error = first[0]
            if self.invalid == 1:
                raise error
            problem = f"{error.problem} ({self.invalid} of {self.rows} rows cannot be read; this is the first)"
            raise TableError(self.path, problem, error.fix, row=error.row)
        if not self.rows:
            raise TableError(self.path, "no rows in it", "give it at least one row below its header")
        if not n_plays:
            why = ", ".join(f"{n} {what}" for what, n in self.left_out.items())
            raise TableError(self.path, f"no plays in it ({why})", "give it at least one row with a play")
