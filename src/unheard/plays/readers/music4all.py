"""Read the plays of Music4All-Onion, and of LFM-2b, which has the same layout.

    userid_trackid_timestamp.tsv.bz2   user_id, track_id, timestamp: a play a row
    userid_trackid_count.tsv.bz2       user_id, track_id, count: all plays of a listener and a track

Tab-separated with a header, compressed or not. The features (id_*.tsv.bz2) are for `unheard scan`. Moscati et al.,
Music4All-Onion (2022).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.text_files import first_fields
from unheard.plays.readers.columns import ColumnBatch, arrow_csv
from unheard.plays.readers.data_set import DataSet, Reading

COUNTS = ("count", "play_count", "listen_count")


def _is_plays(path: Path) -> bool:
    names, when = set(_header(path)), {"timestamp", *COUNTS}
    return {"user_id", "track_id"} <= names <= {"user_id", "track_id", "album_id", *when} and bool(names & when)


def _header(path: Path) -> list[str]:
    return [name.strip() for name in first_fields(path)]


def _read(path: Path, reading: Reading) -> Iterator[ColumnBatch]:
    import pyarrow as pa

    def skip(row: object) -> str:
        reading.problems.note(getattr(row, "number", None) or 0, "other fields than the header", "correct or remove it")
        return "skip"

    header = _header(path)
    count = next((name for name in COUNTS if name in header), "")
    weight, time = ([name] if name in header else [] for name in (count, "timestamp"))
    names = ["user_id", "track_id", *weight, *time]
    renamed = ["playlist_id", "track_id", *(["weight"] if weight else []), *time]
    try:
        stream = arrow_csv(
            path, header, names, names[:2], skip=1, delimiter="\t", quote_char=False, invalid_row_handler=skip
        )
        for batch in stream:
            yield ColumnBatch(dict(zip(renamed, batch.columns, strict=True)))
    except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the table
        raise
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"cannot be read ({str(error).splitlines()[0][:120]})", "download it again") from error


def _repeats(path: Path) -> bool:
    return "count" in path.name and path.with_name(path.name.replace("count", "timestamp")).is_file()


MUSIC4ALL = DataSet("Music4All-Onion", _is_plays, _read, _repeats)
