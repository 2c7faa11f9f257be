"""Measure what one track costs in catalogues of growing size: bookkeeping, not decoding.

    python bench/bench_cost.py [--tracks 1000,10000,100000] [--playlists 500]

Files are a few random bytes each and their audio is simulated: the extraction returns a spectrogram of a second, so
what is left is what grows with a library. Every size runs in a process of its own and prints microseconds of processor
time a track for each stage, and the largest resident memory. A cost that is flat grows in proportion to the library.

    scan       find, hash, store and commit new files
    again      the same scan when nothing has changed
    features   read all vectors, current ones only, as training does
    catalogue  tracks, plays, splits, factors and predictions, as every list needs them
    evaluate   rank the cold tracks, a fifth of all, for each playlist; microseconds a cold track and 100 playlists
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unheard import artefacts
from unheard.evaluate.recommend_task import measure_recommend, prepare_recommend
from unheard.factors.als import AlsConfig
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.features.current import current_features
from unheard.inference.predictions import KIND, predictions_path
from unheard.ingest.workers import FileTask
from unheard.library import Library, Track, open_library
from unheard.metrics.intervals import Resamples
from unheard.plays import Play, Plays, replace_playlists
from unheard.recommend.catalogue import load_catalogue
from unheard.recommend.csv_lists import playlists_with_tests
from unheard.recommend.models import make_recommender
from unheard.scan.audio_extraction import ExtractedAudio
from unheard.scan.scan import scan
from unheard.spectrograms.statistics import N_STATISTICS
from unheard.splits import prepare_splits
from unheard.workspace import Workspace

SPLIT, MODEL, EACH, FOLDER = "tracks", "bench", 40, 1000
STAGES = ("scan", "again", "features", "catalogue", "evaluate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", default="1000,10000,100000")
    parser.add_argument("--playlists", type=int, default=500)
    options = parser.parse_args()
    print("| tracks | " + " | ".join(f"{stage}, us" for stage in STAGES) + " | memory, MB |")
    print("|---:|" + "---:|" * (len(STAGES) + 1))
    for size in options.tracks.split(","):
        command = [sys.executable, __file__, "--size", size, str(options.playlists)]
        print(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), flush=True)


def one_size(n: int, n_playlists: int) -> None:
    cost: dict[str, float] = {}

    @contextmanager
    def timed(stage: str, units: float = n) -> Iterator[None]:
        began = time.process_time()
        yield
        cost[stage] = 1e6 * (time.process_time() - began) / units

    with tempfile.TemporaryDirectory() as folder:
        music, workspace = make_files(Path(folder), n), Workspace.init(Path(folder) / "w")
        extract = simulated(workspace)
        for stage in ("scan", "again"):
            with timed(stage):
                scan(workspace, [music], jobs=1, extract=extract)
        with open_library(workspace.library_path) as library, timed("features"):
            assert len(current_features(workspace, library.tracks(), "statistics").ids) == n
        give_models(workspace, n_playlists)
        with timed("catalogue"):
            catalogue = load_catalogue(workspace, SPLIT, need_full=True)
            recommender = make_recommender(workspace, catalogue, MODEL, seed=0)
        cold = len(catalogue.candidates("cold", new=False))
        with timed("evaluate", cold * n_playlists / 100):
            resamples = Resamples.draw(playlists_with_tests(catalogue), rng=np.random.default_rng(2))
            task = prepare_recommend(catalogue, "cold", resamples, seed=0)
            measure_recommend(task, recommender)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"| {n:,} | " + " | ".join(f"{cost[stage]:,.0f}" for stage in STAGES) + f" | {memory:,.0f} |")


def make_files(root: Path, n: int) -> Path:
    """Write n files in folders of a thousand."""
    for number in range(n):
        folder = root / "music" / f"{number // FOLDER:04d}"
        if number % FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"{number:07d}.ogg").write_bytes(f"song {number}".encode())
    return root / "music"


def simulated(workspace: Workspace) -> Callable[..., Generator[tuple[Any, Any]]]:
    """Return a scan's loop that decodes nothing: each track gets a second of noise, and vectors of its own."""
    rng = np.random.default_rng(0)
    settings = workspace.settings
    frames = settings.sample_rate // settings.hop_length
    mel = rng.integers(0, 255, (frames, settings.n_mels)).astype(np.uint8)
    none = np.zeros(0, np.float32)
    audio = ExtractedAudio(mel, none, none, none, 1.0, Track(""))

    def extract(_: Callable[..., Any], tasks: Iterable[FileTask[Any]]) -> Generator[tuple[Any, Any]]:
        for number, task in enumerate(tasks):
            if not task.arguments:  # nothing to decode
                yield task.key, None
                continue
            own = {"fingerprint": 384, "signature": 257, "statistics": N_STATISTICS}
            sound: dict[str, Any] = {name: rng.standard_normal(width).astype(np.float32) for name, width in own.items()}
            seconds = float(rng.uniform(60, 400))
            sound["signature"][-1] = seconds  # tracks of one length are all compared with each other
            named = Track("", title=f"Song {number}", artists=(f"Artist {number // 8}",))
            yield task.key, replace(audio, **sound, duration_s=seconds, audio_hash=f"{number:016x}", tags=named)

    return extract


def give_models(workspace: Workspace, n_playlists: int) -> None:
    """Store random playlists, their factors, and predictions of every track."""
    rng = np.random.default_rng(1)
    with Library(workspace.library_path) as library:
        ids = library.tracks().ids
    plays = (
        Play(f"playlist-{number:05d}", ids[int(row)], position)
        for number in range(n_playlists)
        for position, row in enumerate(np.unique(rng.integers(len(ids), size=EACH)))
    )
    replace_playlists(workspace, Plays.of(plays))
    prepare_splits(workspace)
    compute_factors(workspace, SPLIT, AlsConfig(dim=64, iterations=2))
    factors = load_factors(workspace, SPLIT)
    predicted = factors.tracks + rng.standard_normal(factors.tracks.shape).astype(np.float32)
    artefacts.save(
        predictions_path(workspace, SPLIT, MODEL),
        KIND,
        config={"fingerprint": MODEL},
        arrays={"factors": predicted.astype(np.float32), "marks": np.zeros(len(ids), np.int64)},
        ids={"track": factors.track_ids},
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--size"]:
        one_size(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
