"""Measure the speed of a scan, of decoding alone, and of librosa.

    python bench/bench_ingest.py FOLDER [--jobs N] [--limit N] [--repeat N]

Every row is measured in this run, on the same files, with the same number of worker processes; with `--repeat` the
rows are measured alternately and the fastest of each is printed. On a busy machine, compare processor time instead of
wall time. The aim is a scan within 20 % of decoding by both."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unheard.ingest.audio import decode_blocks
from unheard.ingest.workers import FileTask, in_order
from unheard.scan.scan import scan
from unheard.scan.sources import find_sources
from unheard.workspace import Settings, Workspace

SETTINGS = Settings()


def decode_only(path: Path) -> float:
    """Decode and resample a file; return its length in seconds."""
    return sum(len(block) for block in decode_blocks(path, sample_rate=SETTINGS.sample_rate)) / SETTINGS.sample_rate


def librosa_mel(path: Path) -> float:
    """Compute the same spectrogram as a script with librosa does; return the length in seconds."""
    import librosa

    samples, _ = librosa.load(path, sr=SETTINGS.sample_rate, mono=True)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=SETTINGS.sample_rate, n_fft=SETTINGS.n_fft, hop_length=SETTINGS.hop_length, n_mels=SETTINGS.n_mels
    )
    librosa.power_to_db(mel)
    return len(samples) / SETTINGS.sample_rate


def on_all(function: Callable[[Path], float], paths: list[Path], *, jobs: int) -> float:
    """Call a function on every file in worker processes; return the seconds of audio that it read."""
    outcomes = [
        outcome for _, outcome in in_order(function, (FileTask(path, (path,)) for path in paths), n_workers=jobs)
    ]
    return sum(outcome for outcome in outcomes if isinstance(outcome, float))


@dataclass(frozen=True)
class Timed:
    """One measurement: seconds of audio, of wall time, and of processor time of all processes."""

    audio_s: float
    wall_s: float
    cpu_s: float


def timed(work: Callable[[], float]) -> Timed:
    """Run and measure `work`, whose worker processes have ended when it returns."""
    before, start = os.times(), time.perf_counter()
    audio_s = work()
    wall_s, after = time.perf_counter() - start, os.times()
    return Timed(audio_s, wall_s, sum(after[:4]) - sum(before[:4]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, help="every n-th file only, so that about this many are left")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    jobs = arguments.jobs
    paths = [Path(candidate.path) for candidate in find_sources([arguments.folder]).audio]
    paths = paths[:: max(1, len(paths) // arguments.limit)] if arguments.limit else paths

    rows: dict[str, list[Timed]] = {}
    for number in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace.init(Path(folder) / f"w{number}")
            measured: dict[str, Callable[[], float]] = {
                "decode and resample": lambda: on_all(decode_only, paths, jobs=jobs),
                "scan": lambda ws=workspace: scan(ws, paths, jobs=jobs).audio_s,  # type: ignore[misc]
                "second scan": lambda ws=workspace: scan(ws, paths, jobs=jobs).audio_s,  # type: ignore[misc]
                "librosa load and mel": lambda: on_all(librosa_mel, paths, jobs=jobs),
            }
            for name, work in measured.items():
                rows.setdefault(name, []).append(timed(work))

    best = {name: min(runs, key=lambda run: run.cpu_s) for name, runs in rows.items()}
    decode = best["decode and resample"]
    print(f"{len(paths)} files, {decode.audio_s / 3600:.1f} h of audio, {jobs} workers\n")
    print(
        f"{'':22} {'wall s':>8} {'x real time':>12} {'cpu s':>8} {'x a core':>9} {'wall ratio':>11} {'cpu ratio':>10}"
    )
    for name, run in best.items():
        wall_s, cpu_s = max(run.wall_s, 1e-3), max(run.cpu_s, 1e-2)  # the clocks' resolution
        print(
            f"{name:22} {wall_s:8.1f} {decode.audio_s / wall_s:12.0f} {cpu_s:8.1f} {decode.audio_s / cpu_s:9.0f} "
            f"{wall_s / decode.wall_s:11.2f} {cpu_s / decode.cpu_s:10.2f}"
        )


if __name__ == "__main__":
    main()
