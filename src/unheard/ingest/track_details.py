"""Read what data sets say about tracks besides their features: artists, albums, titles, dates.

artist_item_mapping.parquet   Yambda: artist_id, item_id; an artist has no name, "artist 17" stands for it
album_item_mapping.parquet    Yambda: album_id, item_id
song_meta.json                Melon: id, song_name, artist_name_basket, album_name, issue_date, ...
id_information.csv            Music4All: id, artist, song, album_name, separated by tabs
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from unheard.errors import TableError
from unheard.ingest.json_arrays import json_array
from unheard.ingest.tables import PARQUET_ROWS, check_parquet, open_parquet
from unheard.ingest.tags import clean
from unheard.library import Track

INFORMATION = ("id", "artist", "song", "album_name")
Read = Callable[[Path, Collection[str]], Iterator[Track]]


def details_reader(path: Path) -> Read | None:
    """Return the function that reads a file of details, or None for another file."""
    return READERS.get(path.name)


def _yambda_artists(path: Path, wanted: Collection[str]) -> Iterator[Track]:
    for item, artists in _grouped(path, "artist_id", wanted):
        yield Track(item, artists=tuple(f"artist {one}" for one in artists))


def _yambda_albums(path: Path, wanted: Collection[str]) -> Iterator[Track]:
    for item, albums in _grouped(path, "album_id", wanted):
        yield Track(item, album=f"album {albums[0]}")


def _grouped(path: Path, column: str, wanted: Collection[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield each wanted item and its values in the order of the file."""
    found: dict[str, list[int]] = {}
    file = open_parquet(path)
    missing = [name for name in ("item_id", column) if name not in file.schema_arrow.names]
    if missing:
        raise TableError(path, f"no column {missing[0]!r}", "expected a mapping of Yambda")
    check_parquet(path, ["item_id", column])
    for batch in file.iter_batches(batch_size=PARQUET_ROWS, columns=["item_id", column]):
        for item, value in zip(batch.column("item_id").to_pylist(), batch.column(column).to_pylist(), strict=True):
            if str(item) in wanted:
                found.setdefault(str(item), []).append(value)
    yield from found.items()


def _melon(path: Path, wanted: Collection[str]) -> Iterator[Track]:
    for song in json_array(path):
        if not isinstance(song, dict) or str(song.get("id")) not in wanted:
            continue
        artists = [clean(str(name)) for name in song.get("artist_name_basket") or []]
        yield Track(
            str(song["id"]),
            title=clean(str(song.get("song_name") or "")),
            artists=tuple(dict.fromkeys(name for name in artists if name)),
            album=clean(str(song.get("album_name") or "")),
            release_date=_date(str(song.get("issue_date") or "")),
        )


def _date(text: str) -> str:
    """Return YYYYMMDD as an ISO date, as far as it is known: 20140500 is 2014-05."""
    parts = [text[:4], text[4:6], text[6:8]]
    known = [part for number, part in enumerate(parts) if all(one.strip("0").isdigit() for one in parts[: number + 1])]
    return "-".join(known)


def _music4all(path: Path, wanted: Collection[str]) -> Iterator[Track]:
    try:
        yield from _music4all_rows(path, wanted)
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(path, f"not a table in UTF-8 ({error})", "download it again") from error


def _music4all_rows(path: Path, wanted: Collection[str]) -> Iterator[Track]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [name for name in INFORMATION if name not in (rows.fieldnames or ())]
        if missing:
            raise TableError(path, f"no column {missing[0]!r}", f"expected {', '.join(INFORMATION)} with tabs between")
        for row in rows:
            if row["id"] in wanted:
                text: dict[str, Any] = {name: clean(row[name] or "") for name in INFORMATION}
                artists = (text["artist"],) if text["artist"] else ()
                yield Track(row["id"], title=text["song"], artists=artists, album=text["album_name"])


READERS: dict[str, Read] = {
    "artist_item_mapping.parquet": _yambda_artists,
    "album_item_mapping.parquet": _yambda_albums,
    "song_meta.json": _melon,
    "id_information.csv": _music4all,
}
