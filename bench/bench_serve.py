"""Measure latencies of the server under load: mixed requests at a fixed rate, during a scan.

    python bench/bench_serve.py --seconds 120 --rate 200

makes a workspace of simulated tracks (features, playlists, factors, predictions; no audio) and a folder of noise for
the scan, starts `unheard serve` on a free port of this machine, sends requests, and prints errors and latencies. Every
request is sent at its scheduled time, whether earlier ones are answered or not (an open loop), and latency counts from
that time, so a stall of the server is measured (no coordinated omission).

    python bench/simulated_workspace.py /tmp/million && unheard index -w /tmp/million
    python bench/bench_serve.py --workspace /tmp/million --processes 2

serves an existing workspace, here of a million simulated tracks. The memory of each process is printed at the end: Pss
divides shared pages among the processes that have them mapped, and "own" are pages that no file backs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import soundfile
from mutagen.oggvorbis import OggVorbis
from tests.builders.raw_client import Connection

from unheard import artefacts
from unheard.arrays import Floats
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.factors.store import Factors, load_factors, save_factors
from unheard.features.mel_features import Statistics
from unheard.features.store import FeatureStore
from unheard.ids import IdMap
from unheard.inference.predictions import KIND, predictions_path
from unheard.library import Library, Track
from unheard.plays import Play, Plays, read_plays, replace_playlists
from unheard.spectrograms.statistics import N_STATISTICS
from unheard.splits import prepare_splits
from unheard.workspace import Workspace

TRACKS_EACH = 6
LARGE = 100_000  # tracks
DIM = 64  # factors
N_FILES, N_DISTINCT = 500, 10  # of the scan
GENRES = ("Rock", "Jazz", "Electronic", "Folk", "Hip Hop", "Classical", "Metal", "Ambient")
WARM_UP_S = 5.0  # at half the rate, before anything is counted
CONNECTIONS = 200  # more than are ever busy at once, unless the server stalls
SPLIT, MODEL = "artists", "bench"


def simulate(root: Path, n_tracks: int, n_playlists: int, rng: np.random.Generator) -> Workspace:
    """Return a workspace whose playlists depend on tastes, so that rankings are like real ones.

    From LARGE tracks on, factors are made of the tastes instead of fitted, and only LARGE tracks have features.
    """
    workspace = Workspace.init(root)
    n_artists = n_tracks // TRACKS_EACH
    artist = rng.integers(n_artists, size=n_tracks)
    taste = (rng.standard_normal((n_artists, 8))[artist] + 0.5 * rng.standard_normal((n_tracks, 8))).astype(np.float32)
    tracks = [
        Track(
            f"track-{row:06d}", "", f"Song {row} of {rng.integers(99)}", (f"Artist {artist[row]}",),
            f"Album {artist[row] % 97}", release_date=str(1970 + row % 55), genre=GENRES[artist[row] % len(GENRES)],
            duration_s=float(rng.uniform(90, 400)),
        )
        for row in range(n_tracks)
    ]  # fmt: skip
    n_features = min(n_tracks, LARGE)
    noise = rng.standard_normal((n_features, N_STATISTICS))
    statistics = taste[:n_features] @ rng.standard_normal((8, N_STATISTICS)) + noise
    popular = rng.gumbel(size=n_tracks)
    plays = []
    for number in range(n_playlists):
        some = np.unique(rng.integers(n_tracks, size=min(1000, n_tracks)))
        liking = 1.5 * taste[some] @ rng.standard_normal(8) + popular[some]
        for position, column in enumerate(np.argsort(-liking)[: rng.integers(10, 50)]):
            plays.append(Play(f"playlist-{number:05d}", tracks[some[column]].track_id, position))
    with Library(workspace.library_path) as library, library.transaction():
        for track in tracks:
            library.put_track(track)
    FeatureStore(workspace.features_dir).write(
        Statistics.kind,
        Statistics.version,
        [track.track_id for track in tracks[:n_features]],
        statistics.astype(np.float32),
        [track.source_hash for track in tracks[:n_features]],
    )
    replace_playlists(workspace, Plays.of(plays))
    prepare_splits(workspace)
    if n_tracks < LARGE:
        compute_factors(workspace, SPLIT, AlsConfig(dim=DIM, iterations=5))
    else:
        save_factors(workspace, SPLIT, made_factors(workspace, [track.track_id for track in tracks], taste, rng))
    factors = load_factors(workspace, SPLIT)
    noisy = factors.tracks + 0.5 * factors.tracks.std(axis=0) * rng.standard_normal(factors.tracks.shape)
    artefacts.save(
        predictions_path(workspace, SPLIT, MODEL),
        KIND,
        config={"fingerprint": MODEL},
        arrays={"factors": noisy.astype(np.float32), "marks": np.zeros(n_tracks, np.int64)},
        ids={"track": factors.track_ids},
    )
    return workspace


def made_factors(workspace: Workspace, ids: list[str], taste: Floats, rng: np.random.Generator) -> Factors:
    """Return factors of DIM numbers of which tastes explain most; those of playlists are means of their tracks'."""
    axes = rng.standard_normal((taste.shape[1], DIM)).astype(np.float32) / DIM
    tracks = taste @ axes + np.float32(0.1 / DIM) * rng.standard_normal((len(taste), DIM), dtype=np.float32)
    plays = read_plays(workspace).for_tracks(IdMap(ids)).positive()
    means = plays.matrix @ tracks / np.maximum(1, np.diff(plays.matrix.indptr))[:, None]
    known = np.ones(len(tracks), np.bool_)
    return Factors(IdMap(ids), plays.playlist_ids, tracks, known, means.astype(np.float32), {})


def make_noise(folder: Path, rng: np.random.Generator) -> None:
    """Write files for a long scan: minutes of noise, each file with its own title and therefore other bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(N_FILES):
        path = folder / f"noise-{number:04d}.ogg"
        if number < N_DISTINCT:
            soundfile.write(path, rng.uniform(-0.3, 0.3, 22_050 * 60).astype(np.float32), 22_050)
        else:
            shutil.copy(folder / f"noise-{number % N_DISTINCT:04d}.ogg", path)
        tagged = OggVorbis(path)  # type: ignore[no-untyped-call]
        tagged["title"] = f"Noise {number}"
        tagged.save()


def addresses(workspace: Workspace, n: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return (kind, path) of `n` requests, half pages and half API. Some tracks are requested far more often."""
    with Library(workspace.library_path) as library:
        tracks = library.tracks()
    ids = tracks.ids
    songs, artists = [f"song {number}" for number in range(100)], [f"artist {number}" for number in range(1000)]
    if not tracks[0].title.startswith("Song "):  # of simulated_workspace.py
        songs = [tracks[int(row)].title for row in rng.integers(len(ids), size=100)]
        artists = [tracks[int(row)].artist for row in rng.integers(len(ids), size=1000)]
    playlists = read_plays(workspace).playlist_ids
    popular = np.minimum(rng.zipf(1.3, size=n) - 1, len(ids) - 1)
    anywhere = rng.integers(len(ids), size=n)
    made = []
    for number in range(n):
        track = quote(ids[int(popular[number] if number % 2 else anywhere[number])])
        playlist = quote(playlists[int(rng.integers(len(playlists)))])
        choices = (
            ("page", "/"),
            ("page", f"/tracks?q={quote(str(rng.choice(songs)))}"),
            ("page", f"/track?id={track}"),
            ("page", f"/playlist?id={playlist}"),
            ("api", f"/api/tracks?q={quote(str(rng.choice(artists)))}&limit=50"),
            ("api", f"/api/tracks/{track}"),
            ("api", f"/api/tracks/{track}/similar?n=10&candidates=all"),
            ("api", f"/api/recommend/{playlist}?n=20"),
        )
        made.append(choices[int(rng.integers(len(choices)))])
    return made


async def send(url: str, requests: list[tuple[str, str]], rate: float) -> tuple[dict[str, list[float]], list[str]]:
    """Return latencies in seconds, by kind and by address without its names, and errors."""
    latencies: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    waiting = iter(enumerate(requests))
    began = time.perf_counter()

    async def work() -> None:
        connection = Connection(url)
        for number, (kind, path) in waiting:
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                status, body = await connection.answer(path)
            except (OSError, asyncio.IncompleteReadError) as error:
                errors.append(f"{path}: {error!r}")
                continue
            taken = time.perf_counter() - due
            latencies[kind].append(taken)
            latencies[shape_of(path)].append(taken)
            if status != 200:
                errors.append(f"{path}: {status} {body[:80]!r}")
        connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return latencies, errors


def shape_of(path: str) -> str:
    """Return an address without the names in it."""
    bare = path.partition("?")[0]
    for prefix, suffix in (("/api/tracks/", "/similar"), ("/api/tracks/", ""), ("/api/recommend/", "")):
        if bare.startswith(prefix) and bare.endswith(suffix):
            return f"{prefix}*{suffix}"
    return bare


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used, in seconds (fields 14 and 15 of proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processes_of(pid: int) -> list[int]:
    """Return the ids of a process and of all that it and its children have started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def print_memory(pid: int) -> None:
    """Print the memory of each process of a server in MB."""
    print(f"{'process':>8s} {'Rss MB':>8s} {'Pss MB':>8s} {'own MB':>8s}")
    for one in processes_of(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:]
            kilobytes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
            command = Path(f"/proc/{one}/cmdline").read_text().split("\0")
            shown = [kilobytes[name] / 1000 for name in ("Rss", "Pss", "Anonymous")]
            print(f"{one:8d} {shown[0]:8.0f} {shown[1]:8.0f} {shown[2]:8.0f}  {' '.join(command[1:5])[:70]}")


def start(workspace: Workspace, music: Path, processes: int) -> tuple[subprocess.Popen[bytes], str, float, float]:
    """Start a server; return it, its address, and the seconds until it was live and until it was ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "unheard", "serve", "-w", str(workspace.root), "--port", str(port)]
    command += ["--processes", str(processes)] if processes > 1 else []
    began = time.perf_counter()
    with (workspace.root / "server.log").open("wb") as log:
        server = subprocess.Popen([*command, "--music-root", str(music)], stdout=log, stderr=log)
    url, live, ready = f"http://127.0.0.1:{port}", 0.0, 0.0
    while not ready:
        if server.poll() is not None:
            raise SystemExit("the server ended")
        with contextlib.suppress(httpx.HTTPError):
            if not live and httpx.get(f"{url}/api/health/live").status_code == 200:
                live = time.perf_counter() - began
            if live and httpx.get(f"{url}/api/health/ready", timeout=60).status_code == 200:
                ready = time.perf_counter() - began
        time.sleep(0.02)
    return server, url, live, ready


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--rate", type=float, default=200, help="requests a second")
    options.add_argument("--tracks", type=int, default=10_000)
    options.add_argument("--playlists", type=int, default=5_000)
    options.add_argument("--no-scan", action="store_true", help="without the scan")
    options.add_argument("--processes", type=int, default=1, help="of the server")
    options.add_argument("--workspace", type=Path, help="serve this workspace instead of making one")
    options.add_argument("--keep", type=Path, help="make or reuse the workspace here")
    given = options.parse_args()
    rng = np.random.default_rng(0)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-serve-"))
    root, music = given.workspace or folder / "workspace", folder / "music"
    if given.workspace:
        make_noise(music, rng)
    elif not predictions_path(Workspace(root, None), SPLIT, MODEL).is_file():  # type: ignore[arg-type]
        simulate(root, given.tracks, given.playlists, rng)
        make_noise(music, rng)
    workspace = Workspace.open(root)
    requests = addresses(workspace, int(given.seconds * given.rate), rng)
    server, url, live, ready = start(workspace, music, given.processes)
    print(f"live after {live:.2f} s, ready after {ready:.2f} s ({os.cpu_count()} cores)")
    try:
        print_memory(server.pid)
        asyncio.run(send(url, requests[: int(WARM_UP_S * given.rate / 2)], given.rate / 2))
        if not given.no_scan:
            job = httpx.post(f"{url}/api/jobs", json={"verb": "scan", "sources": [str(music)]}).json()
        serving = processes_of(server.pid)[: 1 if given.processes == 1 else 2 + given.processes]
        before_s = sum(map(cpu_s, serving))
        latencies, errors = asyncio.run(send(url, requests, given.rate))
        spent_s = sum(map(cpu_s, serving)) - before_s
        print_memory(server.pid)
        if not given.no_scan:
            job = httpx.get(f"{url}/api/jobs/{job['job_id']}").json()
            print(f"the scan: {job['state']}, {job['progress']}")
    finally:
        server.terminate()
        server.wait()
    print(
        f"{len(requests)} requests at {given.rate:g} a second, {len(errors)} errors; the server needed "
        f"{1000 * spent_s / len(requests):.2f} ms of processor time each; load of the machine {os.getloadavg()[0]:.1f}"
    )
    for error in errors[:5]:
        print(f"  {error}")
    print(f"{'':34s} {'n':>6s} {'p50 ms':>8s} {'p99 ms':>8s} {'max ms':>8s}")
    for kind, taken in sorted(latencies.items(), key=lambda item: (item[0].startswith("/"), item[0])):
        p50, p99, most = (1000 * value for value in (np.median(taken), np.quantile(taken, 0.99), max(taken)))
        print(f"{kind:34s} {len(taken):6d} {p50:8.1f} {p99:8.1f} {most:8.1f}")


if __name__ == "__main__":
    main()
