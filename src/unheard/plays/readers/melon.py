"""Read the playlists of the Melon Playlist Dataset: train.json, val.json, test.json.

    [{"id": 61281, "plylst_title": "...", "songs": [525514, ...], "tags": [...], "like_cnt": 71, "updt_date": "..."}]

Validation and test playlists hold the part of their songs that is public. The songs' names (song_meta.json) and mel
spectrograms (arena_mel_*) are for `unheard scan`. Ferraro et al. (2021).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from unheard.ingest.json_arrays import json_array
from unheard.plays.readers.columns import ColumnBatch
from unheard.plays.readers.data_set import DataSet, Reading

KEYS = ('"songs"', '"updt_date"')
PLAYLISTS = 10_000  # of a batch
NO_SONGS = "playlists without songs"


def _is_playlists(path: Path) -> bool:
    if path.suffix != ".json":
        return False
    try:
        with path.open("rb") as file:
            start = file.read(200_000).decode("utf-8", "replace")
    except OSError:
        return False
    return start.lstrip("\ufeff \n\r\t").startswith("[") and all(key in start for key in KEYS)


def _read(path: Path, reading: Reading) -> Iterator[ColumnBatch]:
    import pyarrow as pa

    playlists = enumerate(json_array(path), start=1)
    while chunk := list(islice(playlists, PLAYLISTS)):
        ids: list[str] = []
        songs: list[list[Any]] = []
        for number, playlist in chunk:
            try:
                if not isinstance(playlist["songs"], list):
                    raise TypeError
                name, title = str(playlist["id"]), str(playlist.get("plylst_title") or "")
            except (KeyError, TypeError, AttributeError):
                problem = f"no `id` or no list `songs`: {json.dumps(playlist)[:60]}"
                reading.problems.note(number, problem, "expected playlists of the Melon Playlist Dataset")
                continue
            if not playlist["songs"]:
                reading.leave_out(NO_SONGS, 1)
                continue
            ids.append(name)
            songs.append(playlist["songs"])
            if title.strip():
                reading.names[name] = title.strip()
        if ids:
            rows = np.repeat(np.arange(len(ids), dtype=np.int32), [len(one) for one in songs])
            tracks = pa.array([str(song) for one in songs for song in one], pa.string())
            playlist_ids = pa.DictionaryArray.from_arrays(rows, pa.array(ids, pa.string()))
            yield ColumnBatch({"playlist_id": playlist_ids, "track_id": tracks.dictionary_encode()})


MELON = DataSet("Melon Playlist Dataset", _is_playlists, _read)
