"""Measure what a scan computes of a file, by format, beside decoding alone and beside other programs, on one core.

    python bench/bench_scan.py FOLDER [--files 2] [--rounds 5]

Processor seconds of one process; the rows of a format read the same files and are measured alternately.

    ours          mel spectrogram, statistics, signature, fingerprint, tags and hash, as a scan extracts them
    statistics    the statistics alone; `quick` is the same of excerpts (ingest/excerpts.py)
    decoding      the file decoded and resampled, nothing computed: the limit
    librosa       `load`, mel spectrogram and decibels, as a script computes them; it reads no M4A without ffmpeg
    bliss-audio   `Song`, its features of a song (only if installed)
    essentia      `MusicExtractor` (AGPL, so never a dependence: only if installed)
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from threadpoolctl import threadpool_limits

from bench_ingest import SETTINGS, decode_only, librosa_mel
from interleaved import ratio, rounds_of
from unheard.features.extraction import extract_file
from unheard.scan.audio_extraction import extract_audio
from unheard.scan.sources import find_sources

Work = Callable[[Path], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=2, help="of each format")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    by_format: dict[str, list[Path]] = defaultdict(list)
    for candidate in find_sources([options.folder]).audio:
        path = Path(candidate.path)
        by_format[path.suffix.lower().removeprefix(".")].append(path)
    peers = available()
    rows: dict[str, Work] = {
        "ours": lambda path: extract_audio(path, SETTINGS),
        "decoding": decode_only,
        **excerpts(),
        **peers,
    }
    print(f"| format | ours, CPU s a minute | {' | '.join(f'{name} / ours' for name in rows if name != 'ours')} |")
    print(f"|---|---:|{'---:|' * (len(rows) - 1)}")
    with threadpool_limits(1):
        for suffix, paths in sorted(by_format.items()):
            able = {name: work for name, work in rows.items() if reads(work, paths[0])}
            seconds, audio_s = timed(able, paths[: options.files], options.rounds)
            ratios = " | ".join(
                f"{ratio(seconds, name, 'ours'):.2f}" if name in able else "" for name in rows if name != "ours"
            )
            print(f"| {suffix} | {60 * median(seconds['ours']) / audio_s:.3f} | {ratios} |", flush=True)
    print("\nThe inverse of decoding / ours is how many times the limit a scan takes.")


def reads(work: Work, path: Path) -> bool:
    """Return whether a program reads a format at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            work(path)
        except Exception:  # noqa: BLE001 - of any program
            return False
    return True


def timed(rows: dict[str, Work], paths: list[Path], n_rounds: int) -> tuple[dict[str, list[float]], float]:
    """Return the processor seconds of each row in each round over all `paths`, and the seconds of audio in them."""
    audio_s = sum(decode_only(path) for path in paths)
    works = {name: lambda work=work: [work(path) for path in paths] for name, work in rows.items()}
    return rounds_of(works, n_rounds, clock=time.process_time), audio_s


def bliss(path: Path) -> object:
    return import_module("bliss_audio").Song(str(path)).analysis


def essentia(path: Path) -> object:
    log = import_module("essentia").log
    log.infoActive = log.warningActive = False
    return import_module("essentia.standard").MusicExtractor()(str(path))


def excerpts() -> dict[str, Work]:
    """Return the extraction of statistics of whole files, and of excerpts."""
    return {
        "statistics": lambda path: extract_file(path, ["statistics"], SETTINGS),
        "quick": lambda path: extract_file(path, ["statistics"], SETTINGS, quick=True),
    }


def available() -> dict[str, Work]:
    """Return the peers that are installed; name the others."""
    peers: dict[str, Work] = {"librosa": librosa_mel}
    for name, module, work in (("bliss-audio", "bliss_audio", bliss), ("essentia", "essentia", essentia)):
        if find_spec(module) is None:
            print(f"{name} is not installed: not measured\n")
        else:
            peers[name] = work
    return peers


if __name__ == "__main__":
    main()
