"""Measure reading the features of a large library from the feature store, and from blobs in SQLite.

    python bench/bench_features.py [--tracks 100000] [--width 628]

Three stores are read, source hashes are compared, and all numbers are summed once: one shard, as after every run (a
memory map); several shards, as during a scan; and a SQLite table with one blob per track, an earlier format. The files
are in the page cache."""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.features.store import FeatureStore
from unheard.features.writer import MAX_ROWS

KIND, VERSION = "statistics", "1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=628)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    values = rng.normal(size=(options.tracks, options.width)).astype(np.float32)
    hashes = {f"t{number:07d}": rng.bytes(16).hex() for number in rng.permutation(options.tracks)}
    with tempfile.TemporaryDirectory() as folder:
        whole, scanned = FeatureStore(Path(folder) / "whole"), FeatureStore(Path(folder) / "scanned")
        whole.write(KIND, VERSION, list(hashes), values, list(hashes.values()))
        names, sources = list(hashes), list(hashes.values())
        for first in range(0, len(names), MAX_ROWS):
            some = slice(first, first + MAX_ROWS)
            scanned.write(KIND, VERSION, names[some], values[some], sources[some])
        n_shards = len(list((scanned.root / KIND).glob("*.npy")))
        path = write_blobs(Path(folder) / "blobs.sqlite", hashes, values)
        rows: dict[str, Callable[[], NDArray[np.float32]]] = {
            "feature store, one shard": lambda: whole.read(KIND, version=VERSION, current=hashes).values,
            f"feature store, {n_shards} shards": lambda: scanned.read(KIND, version=VERSION, current=hashes).values,
            "SQLite, one blob per track": lambda: read_blobs(path),
        }
        print(f"{options.tracks} tracks x {options.width}\n\n| what | wall s | CPU s |\n|---|---:|---:|")
        for name, read in rows.items():
            wall, cpu = min(timed(read) for _ in range(options.repeat))
            print(f"| {name} | {wall:.2f} | {cpu:.2f} |")


def timed(read: Callable[[], NDArray[np.float32]]) -> tuple[float, float]:
    """Return wall and CPU seconds of reading and summing."""
    wall, cpu = time.perf_counter(), time.process_time()
    read().sum()
    return time.perf_counter() - wall, time.process_time() - cpu


def write_blobs(path: Path, hashes: dict[str, str], values: NDArray[np.float32]) -> Path:
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE vectors (kind TEXT, track_id TEXT, vector BLOB, PRIMARY KEY (kind, track_id)) WITHOUT ROWID"
        )
        rows = ((KIND, name, vector.tobytes()) for name, vector in zip(hashes, values, strict=True))
        db.executemany("INSERT INTO vectors VALUES (?, ?, ?)", rows)
    db.close()
    return path


def read_blobs(path: Path) -> NDArray[np.float32]:
    db = sqlite3.connect(path)
    rows = db.execute("SELECT track_id, vector FROM vectors WHERE kind = ? ORDER BY track_id", (KIND,)).fetchall()
    db.close()
    return np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), -1)


if __name__ == "__main__":
    main()
