"""Measure the rates behind the cost model of docs/scaling.md, on a generated library and on this machine.

    python bench/cluster_rates.py [--tracks 20000] [--playlists 4000] [--master local[2]]

    commit  tracks a second that the driver commits (spectrograms of 240 s), written by it or by tasks; bytes of each
    hash    bytes a second that it reads to see whether a file is new
    scan    seconds of sound a second, two processes here and two cores of the cluster
    ALS     plays x iterations a second by implicit and by MLlib, 200 factors, 7 playlists and tracks for 100 plays
    embed   tracks a second by a blend of four members on one machine and on the cluster
    lists   playlists a second, 100 of the cold tracks each

Needs the extra `spark` and Java. One thread of BLAS (OMP_NUM_THREADS=1) makes the local rates those of one core.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from scipy.sparse import csr_matrix
from tests.features.stored import put_features
from tests.ingest.sounds import song, write

from unheard.cluster.embed import embed_on_cluster
from unheard.cluster.factors import fit_mllib
from unheard.cluster.recommend import lists_on_cluster
from unheard.cluster.scan import scan_on_cluster
from unheard.cluster.spark import spark_session
from unheard.factors.als import AlsConfig, fit_als
from unheard.factors.stage import compute_factors
from unheard.inference.predictions import predictions_path
from unheard.inference.update_predictions import update_predictions
from unheard.ingest.workers import FileTask
from unheard.library import Library, Track, open_library
from unheard.models.ranker_recipe import ranker_recipe_from
from unheard.plays import Play, Plays, replace_playlists
from unheard.scan.audio_extraction import ExtractedAudio
from unheard.scan.plan import ID_DIGITS, hash_file
from unheard.scan.read_ahead import FileRead
from unheard.scan.scan import scan
from unheard.session import Session
from unheard.spectrograms.statistics import N_STATISTICS
from unheard.spectrograms.store import mel_writer, shards_of_tasks
from unheard.splits import load_split, prepare_splits
from unheard.training.train import train
from unheard.workspace import Workspace

SPLIT, MODEL, SONG_S, PLAYS_EACH, TRACKS_EACH = "artists", "rates", 240, 50, 5
TOWER = {"output": 128, "steps": 20, "checks": 2}
RECIPE = {
    "name": MODEL,
    "about": "members of the default in size, hardly trained",
    "member": [
        {"two-tower": TOWER},
        {"artist": True, "two-tower": TOWER},
        {"reduced-rank": {}},
        {"artist": True, "shrinkage": {}},
    ],
}


@contextmanager
def timed(what: str, n: float, unit: str) -> Iterator[None]:
    """Print seconds and rate of a block."""
    start, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what:34} {wall:8.2f} s wall {cpu:8.2f} s cpu {n / wall:12.0f} {unit} a second", flush=True)


def measure_commit(folder: Path, n: int, rounds: int = 5) -> None:
    """Scan `n` files whose extraction is given, so that the driver's share of a scan is left.

    With spectrograms that the driver writes, and with those that tasks have written; in turn, medians.
    """
    rng, rates = np.random.default_rng(0), {"the driver": list[float](), "tasks": list[float]()}
    settings = Workspace.init(folder / "settings").settings
    mel = rng.integers(0, 255, (SONG_S * settings.sample_rate // settings.hop_length, settings.n_mels)).astype(np.uint8)
    statistics, signature = (rng.standard_normal(width).astype(np.float32) for width in (N_STATISTICS, 257))
    for round_ in range(rounds):
        music = folder / f"music{round_}"
        music.mkdir()
        for number in range(n):
            (music / f"{number:06d}.ogg").write_bytes(rng.bytes(64))
        hashes = [hash_file(str(path)) for path in sorted(music.iterdir())]
        for who, found in rates.items():
            workspace = Workspace.init(folder / f"{who}{round_}")
            with shards_of_tasks(workspace) as shards:
                mels: list[Any] = [mel] * n
                if who == "tasks":
                    with mel_writer(workspace, shards.with_room(1)) as writer:
                        mels = [writer.append(name[:ID_DIGITS], mel, name) for name in hashes]
                prints = rng.standard_normal((n, 384)).astype(np.float32)
                audio = [
                    ExtractedAudio(mels[row], statistics, signature, prints[row], SONG_S, Track(""), hashes[row][:32])
                    for row in range(n)
                ]

                def extract(
                    _: Callable[..., Any],
                    tasks: Iterable[FileTask[Any]],
                    hashes: list[str] = hashes,
                    audio: list[ExtractedAudio] = audio,
                ) -> Generator[tuple[Any, Any]]:
                    for task, name, one in zip(tasks, hashes, audio, strict=False):
                        yield task.key, FileRead(name, name[:ID_DIGITS], pickle.loads(pickle.dumps(one)))

                start = time.perf_counter()
                scan(workspace, [music], jobs=1, extract=extract)
                found.append(n / (time.perf_counter() - start))
            size = sum(path.stat().st_size for path in workspace.root.rglob("*") if path.is_file())
            shutil.rmtree(workspace.root)
    for who, found in rates.items():
        print(f"commit, {who} write spectrograms: {np.median(found):.0f} tracks a second {np.round(found).tolist()}")
    print(f"{'':34} {size / n / 1e3:8.0f} kB a track, {mel.nbytes / 1e3:.0f} of them spectrogram", flush=True)


def measure_hash(folder: Path) -> None:
    """Hash half a gigabyte, as a scan does with every new file."""
    path = folder / "large"
    path.write_bytes(np.random.default_rng(0).bytes(1 << 20) * 512)
    with timed("hash", 512, "MiB"):
        hash_file(str(path))


def measure_scan(spark: Any, folder: Path, n: int) -> None:
    """Scan copies of a minute of FLAC with different tags, here and on the cluster."""
    music = folder / "songs"
    write(music / "0000.flac", song(0, 60.0))
    for number in range(1, n):
        path = music / f"{number:04d}.flac"
        shutil.copy(music / "0000.flac", path)
        tags = mutagen.File(path)
        tags["title"] = [f"Song {number}"]
        tags.save()
    with timed("scan, 2 processes here", n * 60, "s of sound"):
        scan(Workspace.init(folder / "here"), [music], jobs=2)
    with timed("scan, cluster", n * 60, "s of sound"):
        scan_on_cluster(spark, Workspace.init(folder / "there"), [music])


def measure_als(spark: Any, scratch: Path, n_playlists: int) -> None:
    """Fit one iteration and four; the difference is the rate, without what starts once."""
    rng, n_tracks = np.random.default_rng(0), n_playlists * 5 // 2
    rows = np.repeat(np.arange(n_playlists), PLAYS_EACH)
    columns = rng.integers(n_tracks, size=len(rows))
    plays = csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_playlists, n_tracks))
    fits: dict[str, Callable[..., Any]] = {"implicit": fit_als, "MLlib": partial(fit_mllib, spark, scratch)}
    for name, fit in fits.items():
        fit(plays[:50], AlsConfig(dim=200, iterations=1))  # starts what starts once
        wall = []
        for iterations in (1, 4):
            start = time.perf_counter()
            fit(plays, AlsConfig(dim=200, iterations=iterations))
            wall.append(time.perf_counter() - start)
        rate = 3 * plays.nnz / (wall[1] - wall[0])
        print(f"ALS, {name}: {wall[0]:.2f} s, 4 iterations {wall[1]:.2f} s, {rate:.0f} plays x iterations a second")


def build(root: Path, n_tracks: int, n_playlists: int) -> Workspace:
    """Return a workspace with random features and plays of `n_tracks`, five an artist, and a trained blend."""
    rng, workspace = np.random.default_rng(0), Workspace.init(root)
    ids = [f"t{number:08d}" for number in range(n_tracks)]
    with Library(workspace.library_path) as library, library.transaction():
        for number, name in enumerate(ids):
            artist = f"Artist {number // TRACKS_EACH}"
            library.put_track(Track(name, title=f"Song {number}", artists=(artist,), duration_s=SONG_S))
    put_features(workspace, "statistics", zip(ids, rng.standard_normal((n_tracks, N_STATISTICS)), strict=True))
    rows = [np.unique(rng.integers(n_tracks, size=PLAYS_EACH)) for _ in range(n_playlists)]
    names = (f"p{number:08d}" for number in range(n_playlists))
    plays = (Play(name, ids[row], at) for name, own in zip(names, rows, strict=True) for at, row in enumerate(own))
    replace_playlists(workspace, Plays.of(plays))
    prepare_splits(workspace)
    compute_factors(workspace, SPLIT, AlsConfig(dim=64, iterations=3))
    train(workspace, ranker_recipe_from(RECIPE, "bench"), load_split(workspace, SPLIT))
    return workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=20_000)
    parser.add_argument("--playlists", type=int, default=4_000)
    parser.add_argument("--commits", type=int, default=400)
    parser.add_argument("--songs", type=int, default=192)
    parser.add_argument("--als-playlists", type=int, default=2_000)
    parser.add_argument("--master", default="local[2]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        measure_commit(root, options.commits)
        measure_hash(root)
        workspace = build(root / "w", options.tracks, options.playlists)
        with open_library(workspace.library_path) as library:
            tracks = library.tracks()
        predicted = predictions_path(workspace, SPLIT, MODEL)
        settings = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        with spark_session(options.master, settings | {"spark.driver.memory": "3g"}) as spark:
            measure_scan(spark, root, options.songs)
            measure_als(spark, root, options.als_playlists)
            for what, embed in (("here", update_predictions), ("cluster", None)):
                predicted.unlink()
                with timed(f"embed, {what}", len(tracks), "tracks"):
                    embed(workspace, SPLIT, MODEL) if embed else embed_on_cluster(spark, workspace, SPLIT, MODEL)
            session = Session(workspace.root, split=SPLIT, model=MODEL)
            print(f"{len(session.catalogue.candidates('cold', new=True))} cold tracks")
            with timed("lists, here", options.playlists, "playlists"):
                session.write_recommendation_lists(root / "recs.csv", candidates="cold", n=100)
            with timed("lists, cluster", options.playlists, "playlists"):
                lists_on_cluster(spark, workspace, SPLIT, MODEL, root / "lists.parquet", k=100)


if __name__ == "__main__":
    main()
