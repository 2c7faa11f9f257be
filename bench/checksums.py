"""Measure what checksums cost when a workspace is opened: `python bench/checksums.py [TRACKS]`.

Each measurement is a ratio of CPU time within one run: the same data with checksums and without, by turns, the median
of several.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from unheard import artefacts
from unheard.features import store as features
from unheard.features.store import FeatureStore
from unheard.ids import IdMap
from unheard.library import Library, Track
from unheard.spectrograms.store import mel_writer, open_store
from unheard.workspace import Workspace

TIMES = 7


def ratio(name: str, before: Callable[[], object], after: Callable[[], object]) -> None:
    """Print the median of both in milliseconds, and how much more the second is."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TIMES):
        for which, run in zip(times, (before, after), strict=True):
            start = time.process_time()
            run()
            which.append(1e3 * (time.process_time() - start))
    without, with_checksums = map(statistics.median, times)
    more = 100 * (with_checksums / without - 1)
    sys.stdout.write(f"{name:46} {without:9.1f} ms {with_checksums:9.1f} ms {more:+6.1f} %\n")


def main() -> None:
    """Make a workspace and print the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.init(Path(folder) / "w")
        ids = [f"track-{number:07d}" for number in range(n)]
        tracks = [Track(name, f"/m/{name}.flac", name, ("An Artist",), "Album", content_hash=name) for name in ids]
        old = Path(folder) / "old.sqlite"
        for path in (workspace.library_path, old):
            with Library(path) as library:
                start = time.process_time()
                with library.transaction():
                    for track in tracks:
                        library.put_track(track)
                sys.stdout.write(f"put_track: {1e6 * (time.process_time() - start) / n:.1f} us a track\n")
        with closing(sqlite3.connect(old)) as db, db:
            db.execute("UPDATE tracks SET checksum = 0")
            db.execute("DROP TABLE digests")
        with Library(workspace.library_path) as new, Library(old) as before:
            ratio(f"library of {n:,} tracks", before.tracks, new.tracks)
            with mel_writer(workspace) as writer:
                for name in ids[: n // 10]:
                    writer.append(name, np.zeros((4, 128), np.uint8), name)
            open_store(workspace, new)
        store = FeatureStore(workspace.features_dir)
        store.write("kind", "1", ids, rng.standard_normal((n, 256), np.float32), [""] * n)
        found = store.read("kind").values

        def read() -> object:
            features._crc.cache_clear()
            return FeatureStore(workspace.features_dir).read("kind").values

        ratio(f"features of {n:,} x 256, hashed as rankers do", lambda: _hash(found), lambda: (read(), _hash(found)))
        path = Path(folder) / "factors.safetensors"
        arrays = {"tracks": rng.standard_normal((n, 64), np.float32)}
        artefacts.save(path, "factors", config={}, arrays=arrays, ids={"track": IdMap(ids)})
        check = artefacts._check_arrays

        def unchecked() -> None:
            artefacts._check_arrays = lambda *_, **__: None
            artefacts.load(path, "factors")
            artefacts._check_arrays = check

        ratio(f"factors of {n:,} x 64 with ids", unchecked, lambda: artefacts.load(path, "factors"))


def _hash(values: object) -> bytes:
    import hashlib

    return hashlib.sha256(np.asarray(values).tobytes()).digest()


if __name__ == "__main__":
    main()
