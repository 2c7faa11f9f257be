"""The Echo Nest Taste Profile: `user <tab> song <tab> plays`, without a header. A listener becomes a playlist."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.playlists.imported import Collected, Imported
from unheard.ingest.playlists.matching import Matcher
from unheard.ingest.tables import parse_weight

SUFFIXES = frozenset({".txt", ".tsv"})


def read_taste_profile(path: Path, matcher: Matcher) -> Imported:
    """Play counts are the weights; positions count a listener's songs as they come. Unknown songs are misses."""
    found = Collected()
    order: Counter[str] = Counter()
    row = 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for row, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                fields = line.rstrip("\r\n").split("\t")
                if len(fields) != 3 or not fields[0].strip() or not fields[1].strip():
                    raise TableError(path, "not `user <tab> song <tab> plays`", "mend or remove the row", row=row)
                user, song, plays = (field.strip() for field in fields)
                weight = parse_weight(path, row, "plays", plays)
                position = order[user]
                order[user] += 1
                track_id = matcher.by_id(song)
                if track_id is None:
                    found.miss(song)
                else:
                    found.add(user, track_id, position, weight)
    except UnicodeDecodeError:
        raise TableError(path, "not UTF-8", "save the file as UTF-8", row=row + 1) from None
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror})", "check the file") from error
    if not order:
        raise TableError(path, "the file is empty", "give it at least one row")
    return found.done()
