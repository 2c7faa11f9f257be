"""Measure time and memory of importing and reading plays.

    python bench/bench_plays.py [--rows N] [--csv | --no-csv] [--keep FOLDER]

Generated playlists of 60 tracks in a library of --tracks tracks (default: a hundredth of the rows, at most 200,000).
The Parquet file has one playlist after another, with positions; the CSV file is a history: single plays in random
order, with times. The rows "as text in SQLite" do the same as plays were stored before: one row of text a play, read by
the csv module, and Python tuples of all of them for a matrix. Every step runs in a separate process; memory is its peak
resident set. On a busy machine, compare processor seconds instead of wall time."""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from unheard.library import Library, Track
from unheard.plays import count_plays, import_playlists, read_plays
from unheard.workspace import Workspace

PLAYLIST_SIZE = 60
CHUNK = 1_000_000  # rows that are generated at a time
MAX_TRACKS = 200_000


@dataclass(frozen=True)
class Case:
    """The folder of the files, and the numbers of rows and tracks."""

    folder: Path
    rows: int
    tracks: int


def make_workspaces(case: Case) -> None:
    """Make two workspaces whose libraries have tracks without files."""
    for name in ("parquet", "csv"):
        workspace = Workspace.init(case.folder / name)
        with Library(workspace.library_path) as library, library.transaction():
            for number in range(case.tracks):
                library.put_track(Track(f"{number:08d}", title=f"Song {number}", artists=(f"Band {number % 999}",)))


def make_parquet(case: Case) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = np.array([f"{number:08d}" for number in range(case.tracks)])
    schema = pa.schema([("playlist_id", pa.string()), ("track_id", pa.string()), ("position", pa.int32())])
    with pq.ParquetWriter(case.folder / "playlists.parquet", schema) as writer:
        for start in range(0, case.rows, CHUNK):
            number = np.arange(start, min(case.rows, start + CHUNK))
            playlists = (number // PLAYLIST_SIZE).astype(str)
            some = pa.array(ids).take(pa.array(_popular(number, case.tracks)))
            writer.write_table(
                pa.table([pa.array(playlists), some, pa.array(number % PLAYLIST_SIZE, pa.int32())], schema=schema)
            )


def make_csv(case: Case) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = ["playlist_id", "track_id", "timestamp"]
    schema = pa.schema([(names[0], pa.string()), (names[1], pa.string()), (names[2], pa.int64())])
    with arrow_csv.CSVWriter(case.folder / "history.csv", schema) as writer:
        for start in range(0, case.rows, CHUNK):
            number = np.arange(start, min(case.rows, start + CHUNK))
            rng = np.random.default_rng(start)
            listeners = np.char.add("u", rng.integers(0, max(1, case.rows // PLAYLIST_SIZE), len(number)).astype(str))
            some = np.char.zfill(_popular(number, case.tracks).astype(str), 8)
            writer.write_table(
                pa.table([pa.array(listeners), pa.array(some), pa.array(1_400_000_000 + number)], schema=schema)
            )


def _popular(number: np.ndarray, tracks: int) -> np.ndarray:
    """Return the track of each row; few tracks are in many playlists."""
    rng = np.random.default_rng(int(number[0]))
    return (tracks * rng.random(len(number)) ** 3).astype(np.int64)


def import_parquet(case: Case) -> None:
    import_playlists(Workspace.open(case.folder / "parquet"), [case.folder / "playlists.parquet"])


def import_again(case: Case) -> None:
    stored = case.folder / "parquet" / "plays"
    before = {path.name: path.stat().st_mtime_ns for path in stored.iterdir()}
    import_parquet(case)
    assert before == {path.name: path.stat().st_mtime_ns for path in stored.iterdir()}, (
        "the second import changed a file"
    )


def import_csv(case: Case) -> None:
    import_playlists(Workspace.open(case.folder / "csv"), [case.folder / "history.csv"])


def read_matrix(case: Case) -> None:
    workspace = Workspace.open(case.folder / "parquet")
    assert read_plays(workspace).matrix.nnz > 0
    assert count_plays(workspace).plays == case.rows


def import_as_text(case: Case) -> None:
    """Import the CSV file as rows of text."""
    known = {f"{number:08d}" for number in range(case.tracks)}
    order: dict[str, int] = {}
    rows = []
    with (case.folder / "history.csv").open(encoding="utf-8", newline="") as file:
        for playlist, track, timestamp in list(csv.reader(file))[1:]:
            if track not in known:
                raise ValueError(track)
            position = order[playlist] = order.get(playlist, -1) + 1
            rows.append((playlist, position, track, 1.0, float(timestamp)))
    with sqlite3.connect(case.folder / "text.sqlite") as db:
        db.execute(
            "CREATE TABLE plays (playlist_id TEXT, position INTEGER, track_id TEXT, weight REAL, timestamp REAL, "
            "PRIMARY KEY (playlist_id, position)) WITHOUT ROWID"
        )
        db.executemany("INSERT INTO plays VALUES (?, ?, ?, ?, ?)", rows)


def read_text_matrix(case: Case) -> None:
    """Make a CSR matrix of the rows of text."""
    tracks = {f"{number:08d}": number for number in range(case.tracks)}
    with sqlite3.connect(case.folder / "text.sqlite") as db:
        rows = db.execute("SELECT playlist_id, track_id, weight FROM plays ORDER BY playlist_id, position").fetchall()
    playlists = {name: number for number, name in enumerate(dict.fromkeys(row[0] for row in rows))}
    columns = [playlists[row[0]] for row in rows], [tracks[row[1]] for row in rows]
    matrix = csr_matrix(([row[2] for row in rows], columns), shape=(len(playlists), len(tracks)), dtype=np.float32)
    matrix.sum_duplicates()
    assert matrix.nnz > 0


STEPS: dict[str, Callable[[Case], None]] = {
    "make workspaces": make_workspaces,
    "make a Parquet file": make_parquet,
    "make a CSV file": make_csv,
    "import Parquet": import_parquet,
    "import it again": import_again,
    "plays into a CSR matrix": read_matrix,
    "import CSV": import_csv,
    "import CSV as text in SQLite": import_as_text,
    "text in SQLite into a CSR matrix": read_text_matrix,
}


def run_step(name: str, case: Case) -> dict[str, float]:
    """Run a step in a separate process; return wall and processor seconds and peak memory."""
    arguments = [
        sys.executable,
        __file__,
        "--step",
        name,
        "--keep",
        case.folder,
        "--rows",
        case.rows,
        "--tracks",
        case.tracks,
    ]
    ran = subprocess.run([str(word) for word in arguments], check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def measure(name: str, case: Case) -> None:
    """Run a step in this process; print its time and memory as JSON."""
    before, started = time.process_time(), time.monotonic()
    STEPS[name](case)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found = {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - before, "peak_bytes": peak}
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--tracks", type=int)
    parser.add_argument("--csv", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    tracks = given.tracks or min(MAX_TRACKS, max(100, given.rows // 100))
    if given.step:
        measure(given.step, Case(given.keep, given.rows, tracks))
        return
    with tempfile.TemporaryDirectory(prefix="bench-plays-") as made:
        case = Case(given.keep or Path(made), given.rows, tracks)
        print(f"{given.rows:,} plays, {given.rows // PLAYLIST_SIZE:,} playlists, {tracks:,} tracks")
        print("| step | wall s | CPU s | peak memory, MB |")
        print("|---|---|---|---|")
        for name in STEPS:
            if ("CSV" in name or "text" in name) and not given.csv:
                continue
            found = run_step(name, case)
            if not name.startswith("make"):
                print(f"| {name} | {found['wall_s']:.1f} | {found['cpu_s']:.1f} | {found['peak_bytes'] / 1e6:,.0f} |")


if __name__ == "__main__":
    main()
