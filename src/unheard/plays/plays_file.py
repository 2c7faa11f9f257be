"""Read and write one file of plays: Parquet with the columns COLUMNS. storage.py says where it is and when it counts.

Row groups are of ROW_GROUP plays, so that reading and writing hold one of them besides the columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from unheard.arrays import Rows
from unheard.ids import IdMap
from unheard.plays.plays import Plays

COLUMNS = ("playlist_id", "track_id", "position", "weight", "timestamp")
ROW_GROUP = 1_000_000  # plays


def read_plays_file(path: Path, playlist_ids: IdMap) -> Plays:
    """Return the plays of a file, read a row group at a time.

    playlist_ids  of the whole workspace: the rows of the plays index it

    What pyarrow raises for a damaged file is not caught.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, read_dictionary=["playlist_id", "track_id"]) as file:
        n, at = file.metadata.num_rows, 0
        playlist_rows, found_rows, positions = (np.empty(n, np.int32) for _ in range(3))
        weights, timestamps = np.empty(n, np.float32), np.empty(n, np.float64)
        playlists = pa.array(list(playlist_ids), pa.string())
        dictionaries: list[Any] = []  # of tracks; their rows are known when all have been read
        offset = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=list(COLUMNS))
            for batch in table.to_batches():
                part = slice(at, at + len(batch))
                encoded = batch.column("playlist_id")
                rows = pc.index_in(encoded.dictionary, playlists).to_numpy(zero_copy_only=False)
                playlist_rows[part] = rows[encoded.indices.to_numpy()]
                encoded = batch.column("track_id")
                found_rows[part] = encoded.indices.to_numpy()
                found_rows[part] += offset
                dictionaries.append(encoded.dictionary.cast(pa.string()))
                offset += len(encoded.dictionary)
                positions[part] = batch.column("position").to_numpy()
                weights[part] = batch.column("weight").to_numpy()
                timestamps[part] = batch.column("timestamp").to_numpy(zero_copy_only=False)
                at = part.stop
    names = pa.chunked_array(dictionaries, pa.string())
    distinct = names.unique()
    track_ids = distinct.take(pc.array_sort_indices(distinct))
    rows = pc.index_in(names, track_ids).to_numpy().astype(np.int32)
    track_rows = rows[found_rows] if n else found_rows
    return Plays(playlist_ids, IdMap(track_ids.to_pylist()), playlist_rows, track_rows, positions, weights, timestamps)


def write_plays_file(path: Path, plays: Plays) -> None:
    """Write plays, a row group at a time, each with a dictionary of its own playlists and tracks only.

    path  is written in place: of a file that others read, give a temporary path
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = pa.dictionary(pa.int32(), pa.string())
    types = (ids, ids, pa.int32(), pa.float32(), pa.float64())
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    playlists, tracks = (pa.array(list(names), pa.string()) for names in (plays.playlist_ids, plays.track_ids))
    writer = pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=["playlist_id", "track_id", "weight"],
        column_encoding={"position": "DELTA_BINARY_PACKED"},
        dictionary_pagesize_limit=2**30,  # ids stay dictionary-encoded however many there are
    )
    with writer:
        for start in range(0, len(plays), ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            columns = [
                _encoded(plays.playlist_rows[part], playlists),
                _encoded(plays.track_rows[part], tracks),
                pa.array(plays.positions[part]),
                pa.array(plays.weights[part]),
                pa.array(plays.timestamps[part], mask=np.isnan(plays.timestamps[part])),
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROW_GROUP)


def _encoded(rows: Rows, ids: Any) -> Any:
    """Return dictionary-encoded ids of some rows; the dictionary has no other ids."""
    import pyarrow as pa

    used = np.zeros(len(ids), np.bool_)
    used[rows] = True
    renumbered = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return pa.DictionaryArray.from_arrays(renumbered[rows], ids.take(pa.array(np.flatnonzero(used))))
