"""Measure time and memory of importing a dump of ListenBrainz (made up, in the layout of its Spark dump).

    python bench/bench_data_sets.py [--rows 66000000] [--listeners 20000] [--recordings N] [--tracks 200000]

`--recordings` are distinct, and few of them are played often; `--tracks` of them are in the library, half known by
their MusicBrainz id and half by name only. The import runs in a process of its own; its memory is the peak resident
set. The default is a recording for every 30 listens; as many recordings as tracks is the worst case for memory."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unheard.library import Library, Track
from unheard.plays import count_plays, import_playlists
from unheard.workspace import Workspace

PART = 1_000_000  # rows of one Parquet file
START_US = 1_400_000_000_000_000


def make_workspace(folder: Path, tracks: int) -> None:
    """Make a workspace with the first recordings; those with even numbers have their MusicBrainz id."""
    workspace = Workspace.init(folder / "w")
    with Library(workspace.library_path) as library, library.transaction():
        for number in range(tracks):
            known = mbids(np.array([number]))[0] if number % 2 == 0 else ""
            track = Track(f"{number:08d}", title=f"Song {number}", artists=(f"Band {number % 999}",), mbid=known)
            library.put_track(track)


def mbids(numbers: np.ndarray) -> list[str]:
    return [f"{number:08x}-0000-4000-8000-000000000000" for number in numbers.tolist()]


def make_dump(path: Path, rows: int, listeners: int, recordings: int) -> None:
    """Write a dump; a recording's number is drawn as n u^3, so that few are played often."""
    numbers = np.arange(recordings)
    msids = pa.array([f"{number:08x}-1111-4000-8000-000000000000" for number in numbers.tolist()])
    columns = {
        "recording_msid": msids,
        "artist_name": pa.array([f"Band {number % 999}" for number in numbers.tolist()]),
        "recording_name": pa.array([f"Song {number}" for number in numbers.tolist()]),
        "recording_mbid": pa.array(mbids(numbers)),
    }
    folder = "listenbrainz-spark-dump-1-20260101-000000-full"
    with tarfile.open(path, "w") as archive:
        for part, start in enumerate(range(0, rows, PART)):
            rng = np.random.default_rng(part)
            n = min(PART, rows - start)
            which = pa.array((recordings * rng.random(n) ** 3).astype(np.int64))
            times = pa.array(START_US + 1_000_000 * (start + np.arange(n)), pa.timestamp("us"))
            table = pa.table(
                {
                    "listened_at": times,
                    "created": times,
                    "user_id": pa.array((listeners * rng.random(n) ** 2).astype(np.int64)),
                    **{name: column.take(which) for name, column in columns.items()},
                }
            )
            file = path.parent / "part.parquet"
            pq.write_table(table, file, compression="zstd")
            archive.add(file, f"{folder}/{part}.parquet")
            file.unlink()


def measure(folder: Path, dump: Path) -> None:
    """Import in this process; print its figures as JSON."""
    workspace = Workspace.open(folder / "w")
    before, started = time.process_time(), time.monotonic()
    (source,) = import_playlists(workspace, [dump])
    found = {
        "wall_s": time.monotonic() - started,
        "cpu_s": time.process_time() - before,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "match_rate": source.found.match_rate,
        "plays": count_plays(workspace).plays,
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=66_000_000)
    parser.add_argument("--listeners", type=int, default=20_000)
    parser.add_argument("--recordings", type=int)
    parser.add_argument("--tracks", type=int, default=200_000)
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-data-sets-") as made:
        folder = given.keep or Path(made)
        dump = folder / "listenbrainz-spark-dump-1-20260101-000000-full.tar"
        if given.measure:
            measure(folder, dump)
            return
        folder.mkdir(parents=True, exist_ok=True)
        recordings = given.recordings or max(given.tracks, given.rows // 30)
        make_workspace(folder, given.tracks)
        make_dump(dump, given.rows, given.listeners, recordings)
        command = [sys.executable, __file__, "--measure", "--keep", str(folder)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        size, rate = dump.stat().st_size / 1e9, found["match_rate"]
        print(
            f"{given.rows:,} listens, {given.listeners:,} listeners, {recordings:,} recordings; {given.tracks:,} tracks"
        )
        print(f"dump {size:.2f} GB; {rate:.1%} matched, {found['plays']:,} plays stored")
        print(f"{found['wall_s']:.0f} s, {found['cpu_s']:.0f} CPU s, peak memory {found['peak_bytes'] / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
