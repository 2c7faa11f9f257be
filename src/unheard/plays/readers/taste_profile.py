"""Read the Echo Nest Taste Profile: `user <tab> song <tab> plays`, without a header. Each user becomes a playlist."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.tables import parse_weight
from unheard.plays.imported import Imported
from unheard.plays.matching import Matcher
from unheard.plays.readers.columns import Batch, arrow_csv, encode_ids, text_batches
from unheard.plays.readers.entries import IDS, Entries

SUFFIXES = frozenset({".txt", ".tsv"})
COLUMNS = (*IDS, "weight")
FIX = "correct or remove the row"


def read_taste_profile(path: Path, matcher: Matcher) -> Imported:
    """Read a file. Weights are play counts, positions number the songs of a user; unknown songs are misses."""
    entries = Entries(path, matcher, partial(_row_of_record, path), str, skip_unknown=True, weight_name="plays")
    return entries.read(_batches(path))


def _batches(path: Path) -> Iterator[Batch]:
    """Yield columns as Arrow reads them; line by line from the first batch with blank fields or an error."""
    import pyarrow as pa

    n = 0
    try:
        for batch in arrow_csv(path, COLUMNS, COLUMNS, IDS, skip=0, delimiter="\t", quote_char=False):
            columns = dict(zip(COLUMNS, batch.columns, strict=True))
            if any("" in encode_ids(columns[name]).dictionary.to_pylist() for name in COLUMNS):
                raise pa.ArrowInvalid("blank fields")
            yield columns
            n += len(batch)
    except pa.ArrowException:
        pass
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    else:
        return
    yield from text_batches((values for _, values in islice(_lines(path), n, None)), IDS)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and fields of every line that is not blank."""
    row = n = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for row, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                fields = [field.strip() for field in line.rstrip("\r\n").split("\t")]
                if len(fields) != 3 or not fields[0] or not fields[1]:
                    raise TableError(path, "not `user <tab> song <tab> plays`", FIX, row=row)
                if not fields[2]:
                    parse_weight(path, row, "plays", fields[2])  # raises: here a weight is not optional
                n += 1
                yield row, dict(zip(COLUMNS, fields, strict=True))
    except UnicodeDecodeError:
        raise TableError(path, "not UTF-8", "save the file as UTF-8", row=row + 1) from None
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    if not n:
        raise TableError(path, "the file is empty", "give it at least one row")


def _row_of_record(path: Path, record: int) -> int:
    return next(islice((number for number, _ in _lines(path)), record, None), record + 1)
