"""Read the plays of Last.fm 1K, and refuse Last.fm 360K, which has artists only.

    userid-timestamp-artid-artname-traid-traname.tsv   user, ISO 8601 time, artist id and name, track id and name
    usersha1-artmbid-artname-plays.tsv                 user, artist id and name, number of plays

Both are tab-separated, without a header and without quotes. Celma, Music Recommendation and Discovery (2010).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from unheard.errors import TableError
from unheard.ingest.text_files import first_fields
from unheard.plays.matching import TrackReference
from unheard.plays.readers.columns import ColumnBatch, arrow_csv
from unheard.plays.readers.data_set import DataSet, Reading

COLUMNS = ("playlist_id", "timestamp", "artist_mbid", "artist", "mbid", "title")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SHA1 = re.compile(r"[0-9a-f]{40}")


def _is_1k(path: Path) -> bool:
    fields = first_fields(path)
    return len(fields) == 6 and bool(TIME.fullmatch(fields[1]))


def _is_360k(path: Path) -> bool:
    fields = first_fields(path)
    return len(fields) == 4 and bool(SHA1.fullmatch(fields[0])) and fields[3].strip().isdigit()


def _read_1k(path: Path, reading: Reading) -> Iterator[ColumnBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def skip(row: object) -> str:
        reading.problems.note(getattr(row, "number", None) or 0, "not six fields", "correct or remove the row")
        return "skip"

    names = [name for name in COLUMNS if name != "artist_mbid"]
    try:
        stream = arrow_csv(
            path, COLUMNS, names, ("playlist_id",), skip=0, delimiter="\t", quote_char=False, invalid_row_handler=skip
        )
        for batch in stream:
            artists, titles, mbids = (batch.column(name) for name in ("artist", "title", "mbid"))
            keys = pc.binary_join_element_wise(mbids, artists, titles, "\t").dictionary_encode()

            def reference_of(record: int, batch: pa.RecordBatch = batch) -> TrackReference:
                artist, mbid, title = (batch.column(name)[record].as_py() for name in ("artist", "mbid", "title"))
                return TrackReference(mbid=mbid, artist=artist, title=title)

            columns = {"playlist_id": batch.column("playlist_id"), "track_id": reading.match(keys, reference_of)}
            yield ColumnBatch({**columns, "timestamp": batch.column("timestamp")})
    except MemoryError:  # Arrow's own is an ArrowException too, and no fault of the table
        raise
    except (pa.ArrowException, OSError) as error:
        raise TableError(path, f"cannot be read ({str(error).splitlines()[0][:120]})", "download it again") from error


def _refuse_360k(path: Path, _reading: Reading) -> Iterator[ColumnBatch]:
    raise TableError(
        path,
        "Last.fm 360K counts plays of artists and names no tracks",
        "use Last.fm 1K, or a table (playlist_id, track_id, weight) in which each artist is one track of your library",
    )


LASTFM_1K = DataSet("Last.fm 1K", _is_1k, _read_1k)
LASTFM_360K = DataSet("Last.fm 360K", _is_360k, _refuse_360k)
