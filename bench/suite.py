"""Run every benchmark that needs nothing but this repository, and write all tables to one page.

    python bench/suite.py [--only ranking,factors] [--markdown docs/results/performance.md]

A table is the output of one script, with what people use now and the limit of the machine beside ours where there are
any. Ratios within a table are the claims; times depend on the machine, which the page names. Run it on a quiet machine:
it takes about three quarters of an hour on two cores. Music is generated; with `--audio FOLDER` the files there are
decoded instead.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from unheard.inference.device import native_bf16

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FILES, SECONDS = 25, 120.0  # of generated music
TARGETS = "Which aims are reached, and what would reach the others: [targets](performance-targets.md)."
AUDIO = "AUDIO"  # among the arguments of a script: the folder of audio files


@dataclass(frozen=True)
class Benchmark:
    """A script with its arguments; `about` says what is compared, and what is aimed at."""

    script: str
    title: str
    about: str
    arguments: tuple[str, ...] = ()


SUITE = (
    Benchmark(
        "bench_ingest", "Files to spectrograms and statistics",
        "Beside the same files decoded and resampled alone (the limit), and librosa's load and mel. Aim: at most 1.10 "
        "times the limit, 2.5 times as fast as librosa.", (AUDIO, "--repeat", "3"),
    ),
    Benchmark(
        "bench_scan", "A scan, by format",
        "On one core, beside decoding alone (the limit), librosa, and bliss-audio and Essentia where they are "
        "installed. Aim: at most 1.10 times the limit; statistics of excerpts 3 times as fast as of whole files.",
        (AUDIO, "--files", "1"),
    ),
    Benchmark(
        "bench_new_file", "A new file, everything loaded",
        "Statistics and MusiCNN's embedding of a song of four minutes. Aim: MusiCNN three times as fast as its network "
        "in plain torch, 0.4 s a file on two cores.",
    ),
    Benchmark(
        "bench_training", "Training the published CNN",
        "Beside plain torch. Aim: 3 times in float32, 6 times in bfloat16.",
    ),
    Benchmark(
        "bench_training_cuda", "The same on CUDA",
        "Beside plain torch, and the rate of a large product. Aim: 42,000 patches a second on an H200.",
    ),
    Benchmark(
        "bench_codebook", "Codebook of bag of tones",
        "Beside scikit-learn and the matrix products alone. Aim: twice as fast as scikit-learn at equal inertia.",
    ),
    Benchmark(
        "bench_networks", "Training steps of the LSTM and of triplets",
        "Beside plain torch, and the network without mining, loss and update. Aim: twice as fast as plain torch.",
    ),
    Benchmark(
        "bench_recommend_file", "From a new file to ten recommendations",
        "Everything loaded; a generated MP3 of four minutes. Aim: 0.4 s in the median.", ("--tracks", "3000"),
    ),
    Benchmark("bench_factors", "Alternating least squares", "Beside `implicit` called alone. Aim: within 5 %."),
    Benchmark(
        "bench_blend", "Fitting the default model",
        "10,000 tracks, 200,000 plays, vectors of 628 numbers. Aim: 60 CPU seconds.",
        ("--tracks", "10000", "--playlists", "8000", "--listed", "25", "--device", "cpu"),
    ),
    Benchmark(
        "bench_ranking", "Ranking cold tracks, and nearest tracks",
        "Beside one matrix product (the limit), torch, and sorting. Aim: twice the limit; 500 nearest tracks 5 times "
        "as fast as `argsort`.",
    ),
    Benchmark(
        "bench_index", "Lists of a large catalogue",
        "200,000 vectors. Beside a scan, and usearch and faiss where they are installed. Aim at a million: p99 below "
        "10 ms at recall@10 of .98.", ("--tracks", "200000", "--worlds", "clustered,gaussian", "--lists", "50000"),
    ),
    Benchmark("bench_plays", "Importing plays", "Half a million rows.", ("--rows", "500000")),
    Benchmark("bench_features", "Reading features", "100,000 tracks."),
    Benchmark("bench_search", "Searching tracks", "100,000 tracks."),
    Benchmark(
        "bench_cost", "What a track costs as a catalogue grows",
        "Bookkeeping without decoding; microseconds of processor time a track. Aim: flat within 20 %, 2 GB.",
    ),
    Benchmark(
        "bench_serve", "Serving", "Mixed requests at a fixed rate from another process, during a scan.",
        ("--seconds", "60", "--rate", "100"),
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda text: text.split(","), help="names without bench_, with commas between")
    parser.add_argument("--audio", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    chosen = [bench for bench in SUITE if not options.only or bench.script.removeprefix("bench_") in options.only]
    began, failed = time.monotonic(), []
    parts = [f"# Performance\n\n`python bench/suite.py`, on {machine()}. Ratios are the claims. {TARGETS}\n"]
    with tempfile.TemporaryDirectory() as folder:
        heard = any(AUDIO in bench.arguments for bench in chosen)
        audio = generated(Path(folder) / "audio") if heard and not options.audio else options.audio
        for bench in chosen:
            arguments = [str(audio) if argument == AUDIO else argument for argument in bench.arguments]
            shown = " ".join(["python", f"bench/{bench.script}.py", *bench.arguments])
            print(f"== {shown}", flush=True)
            found = output(bench.script, arguments)
            print(found, flush=True)
            if found is None:
                failed.append(bench.script)
            else:
                parts.append(f"## {bench.title}\n\n`{shown}`. {bench.about}\n\n{framed(found)}\n")
    parts.append(f"The whole suite took {(time.monotonic() - began) / 60:.0f} minutes.\n")
    if options.markdown:
        options.markdown.write_text("\n".join(parts), encoding="utf-8")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def generated(folder: Path) -> Path:
    """Write melodies as MP3, Ogg, FLAC, Opus and M4A by turns."""
    from tests.ingest.sounds import song, write

    for number in range(FILES):
        suffix = ("mp3", "ogg", "flac", "opus", "m4a")[number % 5]
        rate = 48_000 if suffix == "opus" else 44_100
        write(folder / f"{number:02}.{suffix}", song(number, SECONDS, rate=rate), rate=rate)
    return folder


def output(script: str, arguments: Sequence[str]) -> str | None:
    """Return what a script prints, None if it fails; its errors are shown as they come."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])  # some compare with tests' truth
    command = [sys.executable, str(HERE / f"{script}.py"), *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}, check=False
    )
    return done.stdout.rstrip() if done.returncode == 0 else None


def framed(text: str) -> str:
    """Return a script's output as Markdown: tables with a blank line before them, columns of text in a block."""
    if "|---" not in text and "| ---" not in text:
        return f"```\n{text}\n```"
    return re.sub(r"^([^|\n].*)\n(?=\|)", r"\1\n\n", text, flags=re.MULTILINE)


def machine() -> str:
    """Name the processor and what decides speed."""
    names = [line.split(":")[1].strip() for line in cpu_info().splitlines() if line.startswith("model name")]
    kind = "native bfloat16" if native_bf16() else "no native bfloat16"
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch"))
    return (
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}; {kind}), "
        f"Python {platform.python_version()}, {versions}"
    )


def cpu_info() -> str:
    """Return /proc/cpuinfo where there is one."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    main()
