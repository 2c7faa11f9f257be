"""Load a server with mixed requests for minutes, while a scan and an index rebuild run; write what happened as JSON.

    python -m tests.torture.load --tracks 100000 --minutes 10 --out torture.json     the full run
    python -m tests.torture.load --tracks 5000 --minutes 0.5 --rate 50 --out ci.json for CI

The server and the index rebuild are processes of their own; this one is the client. Each request is sent at its
scheduled time, whether earlier ones are answered or not, and its latency counts from that time, so a stall of the
server is measured. The workspace is simulated (bench/bench_serve.py: features, playlists, factors, predictions; files
of noise for the scan), or a copy of the one that is given. Its tracks get names of files in folders of artists and
albums, which do not exist: players see tracks with a file only.

The exit code is 1 if there was an error: a status other than 200, a failed answer for a player, a connection that
broke, a scan or a rebuild that failed. Latencies and memory are written and judged by the reader.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from tests.builders.raw_client import Connection
from tests.builders.server import process_of
from unheard.library import Library
from unheard.plays import read_plays
from unheard.serve.keys import make_key
from unheard.workspace import Workspace

CONNECTIONS = 64
WARM_UP_S = 10.0
SAMPLE_S = 1.0
REBUILD_PAUSE_S = 5.0
READY_S = 600.0

Request = tuple[str, str, bytes]  # kind, address, body (empty: GET)


@dataclass
class Outcome:
    """What the client saw. Latencies are in seconds, by kind; memory is (seconds since the begin, bytes)."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    rebuilds: int = 0


def mixed(workspace: Workspace, key: str, n: int, rng: np.random.Generator) -> list[Request]:
    """Return `n` requests of browsers, programs and players; some tracks are requested far more often than others."""
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
    playlists = read_plays(workspace).playlist_ids
    popular = np.minimum(rng.zipf(1.3, size=n) - 1, len(ids) - 1)
    anywhere = rng.integers(len(ids), size=n)
    made = []
    for number in range(n):
        given = ids[int(popular[number] if number % 2 else anywhere[number])]
        track, playlist = quote(given, safe=""), quote(playlists[int(rng.integers(len(playlists)))], safe="")
        body = json.dumps({"likes": [given], "n": 20}).encode()
        player = f"apiKey={key}&f=json&c=load"
        choices: tuple[Request, ...] = (
            ("page", "/", b""),
            ("page", f"/tracks?q=song+{rng.integers(100)}", b""),
            ("page", f"/track?id={track}", b""),
            ("browse", f"/api/tracks?q=artist+{rng.integers(1000)}&limit=50", b""),
            ("browse", f"/api/tracks/{track}", b""),
            ("similar", f"/api/tracks/{track}/similar?n=20&candidates=all", b""),
            ("similar", f"/api/similar_tracks?item_id={track}&n=20", b""),
            ("recommend", f"/api/recommend/{playlist}?n=20", b""),
            ("recommend", "/api/recommend", body),
            ("player browses", f"/rest/getAlbumList2?{player}&type=newest&size=50", b""),
            ("player browses", f"/rest/search3?{player}&query=song+{rng.integers(100)}", b""),
            ("player tells", f"/rest/savePlayQueue?{player}", b""),
            ("live", "/api/health/live", b""),
        )
        made.append(choices[int(rng.integers(len(choices)))])
    return made


async def send(url: str, requests: Sequence[Request], rate: float) -> Outcome:
    """Send requests at a rate a second; return what came of them."""
    outcome = Outcome()
    waiting = iter(enumerate(requests))
    began = time.perf_counter()

    async def work() -> None:
        connection = Connection(url)
        for number, (kind, address, body) in waiting:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                status, content = await connection.answer(address, body)
            except (OSError, asyncio.IncompleteReadError) as error:
                outcome.errors.append(f"{kind} {_plain(address)}: {error!r}")
                continue
            outcome.latencies[kind].append(time.perf_counter() - due)
            if status != 200 or b'"status":"failed"' in content[:200]:
                outcome.errors.append(f"{kind} {_plain(address)}: {status} {content[:200]!r}")
        connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return outcome


def _plain(address: str) -> str:
    return address.partition("?")[0]


def sample_memory(pid: int, outcome: Outcome, over: threading.Event) -> None:
    """Note the memory of a process every SAMPLE_S until `over` is set."""
    began, page = time.perf_counter(), os.sysconf("SC_PAGE_SIZE")
    while not over.wait(SAMPLE_S):
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        outcome.memory.append((time.perf_counter() - began, resident))


def rebuild_indexes(workspace: Workspace, outcome: Outcome, over: threading.Event) -> None:
    """Run `unheard index --again` again and again until `over` is set."""
    command = ["nice", "-n", "10", sys.executable, "-m", "unheard", "index", "-w", str(workspace.root), "--again"]
    while not over.is_set():
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
            while running.poll() is None and not over.wait(SAMPLE_S):
                pass
            if running.poll() is None:
                running.terminate()  # the load is over
                return
            assert running.stderr is not None
            if running.returncode:
                outcome.errors.append(f"index --again: {running.returncode} {running.stderr.read()[-300:]}")
                return
        outcome.rebuilds += 1
        over.wait(REBUILD_PAUSE_S)


def summary(outcome: Outcome) -> dict[str, Any]:
    """Return figures: milliseconds by kind, megabytes, and how memory grows in the second half, in an hour."""
    kinds = {}
    for kind, taken in sorted(outcome.latencies.items()):
        p50, p95, p99 = (1000 * float(value) for value in np.quantile(taken, (0.5, 0.95, 0.99)))
        figures = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": 1000 * max(taken)}
        kinds[kind] = {"n": len(taken), **{name: round(value, 1) for name, value in figures.items()}}
    at, resident = (np.array(column) for column in zip(*outcome.memory, strict=True))
    late = at >= at[-1] / 2
    slope = float(np.polyfit(at[late], resident[late] / 1e6, 1)[0]) if late.sum() > 2 else 0.0
    first, last, most = (round(float(value) / 1e6, 1) for value in (resident[0], resident[-1], resident.max()))
    minutes = (at // 60).astype(np.int64)
    most_each_minute = [round(float(resident[minutes == minute].max()) / 1e6) for minute in np.unique(minutes)]
    memory: dict[str, Any] = {"first": first, "last": last, "most": most, "growth_per_hour": round(3600 * slope, 1)}
    memory["most_each_minute"] = most_each_minute
    whole = {"requests": kinds, "memory_mb": memory, "rebuilds": outcome.rebuilds}
    return {**whole, "n_errors": len(outcome.errors), "errors": outcome.errors[:20]}


def prepared(given: Path | None, folder: Path, n_tracks: int) -> Iterator[Workspace | Path]:
    """Yield the workspace to serve and a folder of noise to scan."""
    bench: Any = importlib.import_module("bench.bench_serve")  # a script, not a package
    rng = np.random.default_rng(0)
    if given is None:
        bench.simulate(folder / "w", n_tracks, max(50, n_tracks // 5), rng)
    else:
        shutil.copytree(given, folder / "w")
    workspace = Workspace.open(folder / "w")
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
        with library.transaction():
            for track in tracks.items:
                if not track.path:
                    library.put_track(
                        replace(track, path=f"/nowhere/{track.artist}/{track.album}/{track.track_id}.mp3")
                    )
    yield workspace
    bench.make_noise(folder / "music", rng)
    yield folder / "music"


def main() -> int:
    """Run the load; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    parser.add_argument("--workspace", type=Path, help="copy this one instead of simulating")
    parser.add_argument("--quiet", action="store_true", help="without the scan and the rebuild")
    parser.add_argument("--out", type=Path, default=Path("torture.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        workspace, music = prepared(options.workspace, Path(name), options.tracks)
        assert isinstance(workspace, Workspace)
        assert isinstance(music, Path)
        key = make_key(workspace, "load")
        with process_of(workspace.root, "--music-root", str(music)) as (url, process):
            began = time.perf_counter()
            while (answer := httpx.get(f"{url}/api/health/ready", timeout=600)).status_code != 200:
                if answer.status_code != 503 or time.perf_counter() - began > READY_S:
                    raise SystemExit(f"not ready after {READY_S:g} s: {answer.text}")
                time.sleep(0.5)
            for path in ("/rest/getAlbumList2?type=newest&", "/rest/search3?query=x&"):
                httpx.get(f"{url}{path}apiKey={key}&f=json", timeout=600)
            ready_s = time.perf_counter() - began
            sys.stderr.write(f"ready after {ready_s:.1f} s\n")
            rng = np.random.default_rng(1)
            n = round(60 * options.minutes * options.rate)
            asyncio.run(send(url, mixed(workspace, key, round(WARM_UP_S * options.rate / 2), rng), options.rate / 2))
            measured, over = Outcome(), threading.Event()
            threads = [threading.Thread(target=sample_memory, args=(process.pid, measured, over))]
            if not options.quiet:
                job = httpx.post(f"{url}/api/jobs", json={"verb": "scan", "sources": [str(music)]}, timeout=60).json()
                threads.append(threading.Thread(target=rebuild_indexes, args=(workspace, measured, over)))
            for thread in threads:
                thread.start()
            answers = asyncio.run(send(url, mixed(workspace, key, n, rng), options.rate))
            over.set()
            for thread in threads:
                thread.join()
            answers.memory, answers.errors = measured.memory, answers.errors + measured.errors
            answers.rebuilds = measured.rebuilds
            if not options.quiet:
                job = httpx.get(f"{url}/api/jobs/{job['job_id']}", timeout=60).json()
                if job["state"] not in ("running", "done"):
                    answers.errors.append(f"the scan: {job['state']}, {job['message']}")
    result = {
        "tracks": options.tracks,
        "minutes": options.minutes,
        "rate": options.rate,
        "scan_and_rebuild": not options.quiet,
        "machine": {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()},
        "load_average": os.getloadavg()[0],
        "ready_after_s": round(ready_s, 1),
        **summary(answers),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return int(bool(answers.errors))


if __name__ == "__main__":
    sys.exit(main())
