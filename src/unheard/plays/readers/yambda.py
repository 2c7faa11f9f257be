"""Read the plays, likes and dislikes of Yambda, https://huggingface.co/datasets/yandex/yambda.

    flat/<size>/listens.parquet          uid, timestamp, item_id, is_organic, played_ratio_pct, track_length_seconds
    flat/<size>/likes, dislikes          uid, timestamp, item_id, is_organic; unlikes and undislikes take them back
    flat/<size>/multi_event.parquet      all of them, with event_type
    sequential/<size>/*.parquet          the same, one row a listener: all columns but uid are lists

Times are seconds since the start of the data, in steps of 5. `played_ratio_pct` may exceed 100, where parts were played
again. A like counts unless it is taken back later, and so does a dislike. Ploshkin et al. (2025).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask
from unheard.errors import TableError
from unheard.ingest.tables import column_names
from unheard.plays.readers.columns import ColumnBatch, record_batches
from unheard.plays.readers.data_set import DataSet, Reading, kept_columns

COLUMNS = ("uid", "timestamp", "item_id", "played_ratio_pct", "event_type")
TAKEN_BACK = {"like": "unlike", "dislike": "undislike"}
LISTENERS_AT_ONCE = 10_000  # rows of a batch of sequences, which are some hundred plays each
ROWS = 1_000_000
Events = dict[str, NDArray[Any]]  # uid, item_id, timestamp


def _is_plays(path: Path) -> bool:
    """Return whether a Parquet file has plays, likes or dislikes; what takes them back is read with them."""
    if path.suffix != ".parquet" or path.stem in {"unlikes", "undislikes"}:
        return False
    try:
        return {"uid", "item_id", "timestamp"} <= set(column_names(path))
    except TableError:
        return False


def _read(path: Path, reading: Reading) -> Iterator[ColumnBatch]:
    kind = {"likes": "like", "dislikes": "dislike"}.get(path.stem, "listen")
    undone = {event: _undone(path, event) for event in TAKEN_BACK}
    for events in _batches(path):
        kinds = events.get("event_type", np.full(len(events["uid"]), kind))
        shares = events.get("played_ratio_pct", np.full(len(kinds), np.nan)) / 100.0
        likes, dislikes = kinds == "like", kinds == "dislike"
        back = (likes & _later(events, undone["like"])) | (dislikes & _later(events, undone["dislike"]))
        others = ~(likes | dislikes | (kinds == "listen"))
        feedback, kept = reading.weigh(shares, likes=likes & ~back, dislikes=dislikes & ~back)
        reading.leave_out("likes and dislikes that were taken back", int(back.sum()))
        yield _columns(events, feedback, kept & ~back & ~others)


def _columns(events: Events, feedback: NDArray[np.float32], kept: Mask) -> ColumnBatch:
    import pyarrow as pa

    columns = {
        "playlist_id": pa.array(events["uid"]).dictionary_encode(),
        "track_id": pa.array(events["item_id"]).dictionary_encode(),
        "timestamp": pa.array(events["timestamp"]),
        "feedback": pa.array(feedback),
    }
    return kept_columns(columns, kept)


def _batches(path: Path) -> Iterator[Events]:
    """Yield the events of a file as columns, one row an event."""
    import pyarrow as pa
    import pyarrow.compute as pc

    sequential = _is_sequential(path)
    for batch in record_batches(path, COLUMNS, rows=LISTENERS_AT_ONCE if sequential else ROWS):
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        if sequential:
            lists = [name for name, column in columns.items() if not pa.types.is_integer(column.type)]
            parents = pc.list_parent_indices(columns["item_id"])
            flat = {name: pc.list_flatten(columns[name]) for name in lists}
            columns = {**flat, "uid": columns["uid"].take(parents)}
        events: Events = {}
        for name, column in columns.items():
            if name == "event_type":
                events[name] = np.asarray(column.cast(pa.string()).to_pylist(), dtype="U12")
            elif name == "played_ratio_pct":
                events[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            else:
                events[name] = column.to_numpy(zero_copy_only=False).astype(np.int64)
        yield events


def _is_sequential(path: Path) -> bool:
    import pyarrow as pa

    from unheard.ingest.tables import open_parquet

    return not pa.types.is_integer(open_parquet(path).schema_arrow.field("item_id").type)


def _undone(path: Path, event: str) -> Events:
    """Return the pairs of which likes (or dislikes) are taken back, and when for the last time."""
    parts: list[Events] = []
    source = path if "event_type" in column_names(path) else path.with_name(f"{TAKEN_BACK[event]}s.parquet")
    concerned = source == path or path.stem == f"{event}s"
    for events in _batches(source) if concerned and source.is_file() else ():
        some = events["event_type"] == TAKEN_BACK[event] if source == path else slice(None)
        parts.append({name: events[name][some] for name in ("uid", "item_id", "timestamp")})
    if not parts:
        return {"pairs": np.empty(0, np.int64), "timestamp": np.empty(0, np.int64)}
    pairs = np.concatenate([_pairs(part) for part in parts])
    times = np.concatenate([part["timestamp"] for part in parts])
    order = np.lexsort((times, pairs))
    pairs, times = pairs[order], times[order]
    last = np.append(pairs[1:] != pairs[:-1], True)[: len(pairs)]
    return {"pairs": pairs[last], "timestamp": times[last]}


def _later(events: Events, undone: Events) -> Mask:
    """Return which events were taken back at their time or later."""
    if not len(undone["pairs"]):
        return np.zeros(len(events["uid"]), np.bool_)
    pairs = _pairs(events)
    at = np.minimum(np.searchsorted(undone["pairs"], pairs), len(undone["pairs"]) - 1)
    return np.asarray((undone["pairs"][at] == pairs) & (undone["timestamp"][at] >= events["timestamp"]), np.bool_)


def _pairs(events: Events) -> NDArray[np.int64]:
    """Return one number for each listener and track; both ids have 32 bits."""
    return np.asarray((events["uid"] << 32) | events["item_id"], np.int64)


def _repeats(path: Path) -> bool:
    return path.stem == "multi_event" and path.with_name("listens.parquet").is_file()


YAMBDA = DataSet("Yambda", _is_plays, _read, _repeats)
