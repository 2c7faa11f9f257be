"""Measure the time to extract the features of a new file (statistics and MusiCNN), with everything loaded.

    python bench/bench_new_file.py [FILE] [--seconds 240] [--repeat 3] [--jobs N] [--files N]

Without FILE, an MP3 of a generated song is used. The rows are measured alternately and the fastest of each is printed;
on a busy machine, compare the ratios of processor time. Before the measurement, the fast and the plain implementation
are asserted to give the same vectors. Without MusiCNN's weights in the cache, random weights are used; the time is the
same.

    extract_file           both kinds of features; the file is decoded once, patches are distributed among the cores
    plain implementation   the same vectors: statistics, then the file decoded again and MusiCNN by its convolutions
    librosa                the statistics alone, as a script computes them: load, mel, decibels, MFCC and deltas
    features               `unheard features` on copies of the file in worker processes, and the plain implementation
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from bench_ingest import Timed, timed
from unheard.errors import MissingStageError
from unheard.features.extraction import extract_file
from unheard.features.mel_features import vectors_of
from unheard.features.musicnn_features import loaded_musicnn
from unheard.features.musicnn_mel import patches_of_file, spread_evenly
from unheard.ingest.audio import decode_blocks
from unheard.ingest.workers import FileTask, in_order
from unheard.spectrograms.files import mel_of_file
from unheard.workspace import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from unheard.models.musicnn import Musicnn

SETTINGS = Settings()
KINDS = ("statistics", "musicnn")


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        if not has_weights():
            random_weights(Path(folder))
        path = options.file or generated_song(Path(folder) / "song.mp3", options.seconds)
        copies = [Path(shutil.copy(path, Path(folder) / f"{n}{path.suffix}")) for n in range(options.files)]
        check_equal(path)
        single: dict[str, Callable[[], object]] = {
            "extract_file": lambda: extract_file(path, KINDS, SETTINGS),
            "plain implementation": lambda: plainly(path),
            "decoding alone": lambda: sum(len(block) for block in decode_blocks(path, sample_rate=22_050)),
            "statistics alone": lambda: extract_file(path, ["statistics"], SETTINGS),
            "librosa, statistics alone": lambda: librosa_statistics(path),
        }
        library: dict[str, Callable[[], object]] = {
            "features": lambda: on_all(features, copies, options.jobs),
            "features, plain": lambda: on_all(plain_features, copies, options.jobs),
        }
        show("one new file", measured(single, options.repeat), first="extract_file")
        if copies:
            title = f"{len(copies)} files, {options.jobs} worker processes, their start included"
            show(title, measured(library, options.repeat), first="features")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the generated song")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--files", type=int, default=4)
    return parser.parse_args()


def measured(rows: dict[str, Callable[[], object]], repeat: int) -> dict[str, Timed]:
    """Return the fastest run of each row by processor time and by wall time; rows are measured alternately."""
    runs: dict[str, list[Timed]] = {name: [] for name in rows}
    for _ in range(repeat):
        for name, work in rows.items():
            runs[name].append(timed(lambda work=work: float(work() is None)))  # type: ignore[misc]
    return {
        name: Timed(0.0, min(run.wall_s for run in some), min(run.cpu_s for run in some)) for name, some in runs.items()
    }


def show(title: str, rows: dict[str, Timed], *, first: str) -> None:
    print(f"\n{title:28} {'wall s':>8} {'cpu s':>8} {'wall ratio':>11} {'cpu ratio':>10}")
    for name, run in rows.items():
        wall, cpu = run.wall_s / rows[first].wall_s, run.cpu_s / max(rows[first].cpu_s, 1e-2)
        print(f"{name:28} {run.wall_s:8.2f} {run.cpu_s:8.2f} {wall:11.2f} {cpu:10.2f}")


# ------------------------------------------------------------------------------------------------- plain implementation


def plainly(path: Path) -> dict[str, NDArray[np.float32]]:
    statistics, *_ = vectors_of(mel_of_file(path, SETTINGS), SETTINGS, path)
    return {"statistics": statistics, "musicnn": plain_features(path)}


def plain_features(path: Path) -> NDArray[np.float32]:
    """Return the mean over the selected patches, two at a time, with plain convolutions and all threads of torch."""
    import torch

    network, source, outputs = loaded_musicnn("msd"), iter(spread_evenly(patches_of_file(path))), []
    with torch.inference_mode():
        while some := list(islice(source, 2)):
            outputs.append(plain_forward(network, torch.from_numpy(np.stack(some))).numpy())
    mean: NDArray[np.float32] = np.concatenate(outputs).mean(axis=0)
    return mean


def plain_forward(network: Musicnn, patches: Tensor) -> Tensor:
    """Return the features of patches: (batch, frame, mel) -> (batch, 200)."""
    import torch
    from torch.nn import functional

    x, front = network.input_norm(patches[:, None]), []
    for layer, norm in zip(network.front, network.front_norms, strict=True):
        convolution, scale = cast("nn.Conv2d", layer), cast("Tensor", norm.weight)
        assert convolution.bias is not None
        frames = convolution.kernel_size[0]
        padded = functional.pad(x, (0, 0, (frames - 1) // 2, frames // 2))
        sign = torch.where(scale < 0, -1.0, 1.0)  # of the plain orders, taking the maximum first is the fastest
        y = functional.conv2d(padded, convolution.weight * sign[:, None, None, None], convolution.bias * sign)
        front.append(norm(functional.relu(y.amax(3) * sign[:, None])))
    features = [torch.cat(front, dim=1)]
    for layer, norm in zip(network.middle, network.middle_norms, strict=True):
        y = norm(functional.relu(layer(features[-1])))
        features.append(y if len(features) == 1 else y + features[-1])
    y = torch.cat(features, dim=1)
    y = torch.stack([y.amax(2), y.mean(2)], dim=2).flatten(1)
    penultimate: Tensor = network.dense_norm(functional.relu(network.dense(network.pooled_norm(y))))
    return penultimate


def librosa_statistics(path: Path) -> NDArray[np.float32]:
    import librosa

    samples, rate = librosa.load(path, sr=SETTINGS.sample_rate, mono=True)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=SETTINGS.n_fft, hop_length=SETTINGS.hop_length, n_mels=SETTINGS.n_mels
    )
    db = librosa.power_to_db(mel)
    mfcc = librosa.feature.mfcc(S=db, n_mfcc=20)
    curves = [db, mfcc, librosa.feature.delta(mfcc)]
    return np.concatenate([part for curve in curves for part in (curve.mean(axis=1), curve.std(axis=1))])


def features(path: Path) -> NDArray[np.float32]:
    """Extract features as a worker process of `unheard features` does."""
    return extract_file(path, ["musicnn"], SETTINGS)["musicnn"]


def on_all(function: Callable[[Path], NDArray[np.float32]], paths: list[Path], jobs: int) -> int:
    outcomes = [
        outcome for _, outcome in in_order(function, (FileTask(path, (path,)) for path in paths), n_workers=jobs)
    ]
    assert all(isinstance(outcome, np.ndarray) for outcome in outcomes), outcomes
    return len(outcomes)


# --------------------------------------------------------------------------------------------------- preparation


def check_equal(path: Path) -> None:
    ours, plain = extract_file(path, KINDS, SETTINGS), plainly(path)
    for kind in KINDS:
        np.testing.assert_allclose(ours[kind], plain[kind], rtol=1e-4, atol=1e-4)


def has_weights() -> bool:
    try:
        loaded_musicnn("msd")
    except MissingStageError:
        return False
    return True


def random_weights(folder: Path) -> None:
    from tests.models.bundle import write_wheel

    from unheard.models.musicnn import read_musicnn
    from unheard.models.pretrained import save_weights

    os.environ["UNHEARD_CACHE"] = str(folder / "cache")
    save_weights("musicnn", read_musicnn(write_wheel(folder / "musicnn.whl")), "random numbers")


def generated_song(path: Path, seconds: float) -> Path:
    from tests.ingest.sounds import song, write

    return write(path, song(0, seconds))


if __name__ == "__main__":
    main()
