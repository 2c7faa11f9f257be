"""Measure fitting the codebook of bag of tones: ours, scikit-learn's mini-batch k-means, and the matrix products alone.

    python bench/bench_codebook.py [--frames 200000] [--tones 4000] [--rounds 5] [--audio FOLDER]

The frames (13 MFCC and their deltas) are of generated songs, or of the files of a folder. Everything runs on one core.
`products alone` is the limit: the matrix products of our steps, without looking for the nearest centre and without
means. Inertia is the sum of the squared distances of all frames to their nearest centre.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from interleaved import print_table, rounds_of
from unheard.models.bag_of_tones import some_frames
from unheard.models.k_means import FIRST_BATCH, MIN_ROWS, SCORES, STEPS_ON_ALL, k_means, lloyd_step
from unheard.spectrograms.files import encoded_mel, mel_of_file
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings

SETTINGS = Settings()
N_SONGS, SONG_S = 40, 120.0
Frames = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--tones", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--audio", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with threadpool_limits(1):
        measure(sampled(options.audio, options.frames), options.tones, options.rounds)


def measure(frames: Frames, tones: int, n_rounds: int) -> None:
    centres: dict[str, Frames] = {}

    def ours() -> None:
        centres["ours"] = k_means(frames, tones, rng=np.random.default_rng(0))

    def scikit_learn() -> None:
        from sklearn.cluster import MiniBatchKMeans

        means = MiniBatchKMeans(
            tones, init="random", n_init=1, batch_size=max(4096, tones), max_iter=30, random_state=0
        ).fit(frames)
        centres["scikit-learn, MiniBatchKMeans"] = means.cluster_centers_.astype(np.float32)

    rows = {
        "ours": ours,
        "products alone": lambda: products(frames, tones),
        "scikit-learn, MiniBatchKMeans": scikit_learn,
    }
    seconds = rounds_of(rows, n_rounds)
    inertias = {name: lloyd_step(frames, found)[1] for name, found in centres.items()}
    shown = {name: f"{inertias[name] / inertias['ours']:.4f}" if name in inertias else "" for name in rows}
    print(f"{len(frames)} frames of {frames.shape[1]} numbers, {tones} tones, one core\n")
    print_table(seconds, {"inertia, x ours": shown})


def products(frames: Frames, tones: int) -> None:
    """Multiply as many frames with the centres as `k_means` does, in blocks of the same size."""
    n, work = min(len(frames), FIRST_BATCH * tones), STEPS_ON_ALL * len(frames)
    while n < len(frames):
        n, work = min(len(frames), 2 * n), work + n
    size = max(MIN_ROWS, SCORES // tones)
    points = np.ones((size, frames.shape[1] + 1), np.float32)
    weights, scores = np.ones((frames.shape[1] + 1, tones), np.float32), np.empty((size, tones), np.float32)
    for _ in range(work // size):
        np.matmul(points, weights, out=scores)


def sampled(folder: Path | None, n_frames: int) -> Frames:
    """Return about `n_frames` frames, the same number from each song, in random order."""
    rng = np.random.default_rng(0)
    found = [some_frames(frames, n_frames // N_SONGS, rng) for frames in songs(folder)]
    return rng.permutation(np.concatenate(found))


def songs(folder: Path | None) -> Iterator[Frames]:
    decode = ENCODINGS["standard"].decode
    if folder is not None:
        files = sorted(path for path in folder.rglob("*") if path.suffix in {".ogg", ".mp3", ".opus", ".flac", ".m4a"})
        for path in files[:: max(1, len(files) // N_SONGS)][:N_SONGS]:
            yield bag_frames(decode(mel_of_file(path, SETTINGS)))
        return
    from tests.ingest.sounds import song

    for number in range(N_SONGS):
        mono = song(number, SONG_S, rate=SETTINGS.sample_rate).mean(axis=1)
        yield bag_frames(decode(encoded_mel([mono], SETTINGS)))


if __name__ == "__main__":
    main()
