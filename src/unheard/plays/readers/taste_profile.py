"""Read the Echo Nest Taste Profile: `user <tab> song <tab> plays`, without a header. Each user becomes a playlist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.text_files import bounded_lines
from unheard.plays.imported import Imported
from unheard.plays.matching import Matcher
from unheard.plays.readers.columns import ColumnBatch, TextRow, arrow_csv, encode_ids, numbers_of_records, text_batches
from unheard.plays.readers.entries import IDS, Entries
from unheard.plays.readers.row_problems import RowProblems

SUFFIXES = frozenset({".txt", ".tsv"})
COLUMNS = (*IDS, "weight")
FIX = "correct or remove the row"


def is_taste_profile(path: Path) -> bool:
    """Return whether the first line that is not blank has three fields, the last of them a number."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            fields = next((line.split("\t") for line in bounded_lines(path, file) if line.strip()), [])
        return len(fields) == 3 and float(fields[2]) >= 0
    except (OSError, ValueError, TableError):
        return False


def read_taste_profile(path: Path, matcher: Matcher) -> Imported:
    """Read a file. Weights are play counts, positions number the songs of a user; unknown songs are misses.

    Invalid lines are left out, counted and explained. TableError if most lines are invalid.
    """
    problems = RowProblems(path)

    def rows_of(records: Sequence[int]) -> dict[int, int]:
        return numbers_of_records((number for number, _ in _lines(path)), records)

    entries = Entries(matcher, problems, rows_of, str, skip_unknown=True, weight_name="plays", needs_weight=True)
    return entries.read(_batches(path, problems))


def _batches(path: Path, problems: RowProblems) -> Iterator[ColumnBatch]:
    """Yield columns as Arrow reads them; line by line from the first batch with blank fields or an error."""
    import pyarrow as pa

    n = 0
    try:
        for batch in arrow_csv(path, COLUMNS, COLUMNS, IDS, skip=0, delimiter="\t", quote_char=False):
            columns = dict(zip(COLUMNS, batch.columns, strict=True))
            if any("" in encode_ids(columns[name]).dictionary.to_pylist() for name in COLUMNS):
                raise pa.ArrowInvalid("blank fields")
            yield ColumnBatch(columns)
            n += len(batch)
    except pa.ArrowException:
        pass
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    else:
        return
    yield from text_batches(_rows(path, problems, skip=n), IDS)


def _rows(path: Path, problems: RowProblems, *, skip: int) -> Iterator[TextRow]:
    """Yield the lines after `skip` lines as text; note the invalid ones."""
    for number, line in islice(_lines(path), skip, None):
        fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
        if not line.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in line):
            problems.note(number, "not UTF-8", "save the file as UTF-8")
        elif len(fields) != 3 or not fields[0] or not fields[1]:
            problems.note(number, "not `user <tab> song <tab> plays`", FIX)
        else:
            yield number, dict(zip(COLUMNS, fields, strict=True))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line that is not blank; bytes that are not UTF-8 are surrogates."""
    empty = True
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for number, line in enumerate(bounded_lines(path, file), start=1):
                if line.strip():
                    empty = False
                    yield number, line
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    if empty:
        raise TableError(path, "the file is empty", "give it at least one row")
