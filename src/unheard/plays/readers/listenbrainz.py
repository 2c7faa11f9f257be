"""Read the dumps of ListenBrainz, https://listenbrainz.readthedocs.io.

    listenbrainz-listens-dump-<n>-<date>-full.tar.zst    <folder>/listens/<year>/<month>.listens, lines of JSON
    listenbrainz-spark-dump-<n>-<date>-full.tar          <folder>/<n>.parquet, a listen a row

A dump is read as it is downloaded, member by member; extracted .listens files are read too. A listener is `user_id`. A
recording is known by its MusicBrainz id, or by the names of artist and recording.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from unheard.errors import TableError
from unheard.ingest.text_files import lines_with_gaps
from unheard.plays.matching import TrackReference
from unheard.plays.readers.columns import ColumnBatch, record_batches
from unheard.plays.readers.data_set import DataSet, Reading

TAR_SUFFIXES = (".tar", ".tar.zst", ".tar.xz", ".tar.gz", ".tar.bz2")
LINES = 100_000  # of a batch
MAX_LINE, BATCH_BYTES = 2**20, 2**28
ROWS = 250_000
COLUMNS = ("user_id", "listened_at", "recording_msid", "recording_mbid", "artist_name", "recording_name")
NO_NAME = "listens without a name"
FIX = "download it again"


def _is_dump(path: Path) -> bool:
    name = path.name.lower()
    return path.suffix == ".listens" or (name.startswith("listenbrainz-") and name.endswith(TAR_SUFFIXES))


def _read(path: Path, reading: Reading) -> Iterator[ColumnBatch]:
    if path.suffix == ".listens":
        with path.open("rb") as file:
            yield from _lines(file, reading)
        return
    n_members = 0
    try:
        with _opened(path) as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith((".listens", ".parquet")):
                    continue
                n_members += 1
                content = archive.extractfile(member)
                assert content is not None
                is_table = member.name.endswith(".parquet")
                yield from _rows(path, content, reading) if is_table else _lines(content, reading)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TableError(path, f"damaged archive ({str(error)[:120]})", FIX) from error
    if not n_members:
        raise TableError(path, "no .listens and no .parquet files in it", "name a dump of listens of ListenBrainz")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an archive: a plain one with random access, as Parquet needs, a compressed one as a stream."""
    import pyarrow as pa

    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            yield archive
    elif path.suffix == ".zst":
        stream = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        with stream, tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            yield archive
    else:
        with tarfile.open(path, mode="r|*") as archive:
            yield archive


def _rows(path: Path, content: IO[bytes], reading: Reading) -> Iterator[ColumnBatch]:
    """Yield the listens of one Parquet file of the Spark dump."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in record_batches(path, COLUMNS, source=content, rows=ROWS):
        missing = next(
            (name for name in ("user_id", "listened_at", "recording_name") if name not in batch.schema.names), ""
        )
        if missing:
            raise TableError(path, f"no column {missing!r} in it", "name a Spark dump of ListenBrainz")
        texts = {
            name: pc.fill_null(batch.column(name).cast(pa.string()), "")
            for name in COLUMNS[2:]
            if name in batch.schema.names
        }

        def reference_of(record: int, texts: dict[str, Any] = texts) -> TrackReference:
            mbid, artist, title = (
                texts[name][record].as_py() if name in texts else ""
                for name in ("recording_mbid", "artist_name", "recording_name")
            )
            return TrackReference(mbid=mbid, artist=artist, title=title)

        names = [texts[name] for name in ("recording_mbid", "artist_name", "recording_name") if name in texts]
        keys = texts.get("recording_msid", pc.binary_join_element_wise(*names, "\t"))
        yield ColumnBatch(
            {
                "playlist_id": batch.column("user_id").dictionary_encode(),
                "track_id": reading.match(keys.dictionary_encode(), reference_of),
                "timestamp": batch.column("listened_at"),
            }
        )


def _lines(content: IO[bytes], reading: Reading) -> Iterator[ColumnBatch]:
    """Yield the listens of one file of JSON lines; a line that cannot be read is noted."""
    found: list[tuple[str, int, TrackReference]] = []
    n_bytes = 0
    for number, line in enumerate(lines_with_gaps(content, limit=MAX_LINE), start=1):
        if line is not None and not line.strip():
            continue
        try:
            if line is None:
                raise ValueError
            listen = _listen(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            problem = "not a listen" if line is not None else f"longer than {MAX_LINE:,} bytes"
            reading.problems.note(number, problem, "expected JSON with user_id, timestamp, track_metadata")
            continue
        if not listen[2].title:
            reading.leave_out(NO_NAME, 1)
            continue
        found.append(listen)
        n_bytes += len(line or b"")
        if len(found) >= LINES or n_bytes >= BATCH_BYTES:
            yield _batch(found, reading)
            found, n_bytes = [], 0
    if found:
        yield _batch(found, reading)


def _batch(listens: list[tuple[str, int, TrackReference]], reading: Reading) -> ColumnBatch:
    import pyarrow as pa

    users, times, references = zip(*listens, strict=True)
    keys = pa.array([f"{one.mbid}\t{one.artist}\t{one.title}" for one in references], pa.string())
    return ColumnBatch(
        {
            "playlist_id": pa.array(users, pa.string()).dictionary_encode(),
            "track_id": reading.match(keys.dictionary_encode(), references.__getitem__),
            "timestamp": pa.array(times, pa.int64()),
        }
    )


def _listen(listen: dict[str, Any]) -> tuple[str, int, TrackReference]:
    """Return listener, time and recording of a listen."""
    about = listen["track_metadata"]
    more = about.get("additional_info") or {}
    mapped = about.get("mbid_mapping") or {}
    user = listen["user_id"] if "user_id" in listen else listen["user_name"]
    time = int(listen["timestamp"] if "timestamp" in listen else listen["listened_at"])
    if not 0 <= time < 2**63:
        raise ValueError("no time")
    mbid = mapped.get("recording_mbid") or more.get("recording_mbid") or ""
    names = str(about.get("artist_name") or ""), str(about.get("track_name") or "")
    for text in (str(user), str(mbid), *names):
        text.encode()  # ValueError for half of a surrogate pair
    return str(user), time, TrackReference(mbid=str(mbid), artist=names[0], title=names[1])


LISTENBRAINZ = DataSet("ListenBrainz", _is_dump, _read)
