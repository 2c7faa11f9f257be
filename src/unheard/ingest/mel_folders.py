"""Read the mel spectrograms of the Melon Playlist Dataset as vectors: <folder>/<id // 1000>/<id>.npy.

A file holds the logarithms of 48 mel bands, 16 kHz, a frame every 16 ms, of a part of a song: too coarse for the
networks of unheard, which need 128 bands. So a track becomes one vector: of each band the mean, the standard deviation,
the mean absolute change from frame to frame, and the 10th and 90th percentile.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tokenize import TokenError

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.regular_files import is_regular

# What NumPy raises for damaged files.
NOT_NPY = (OSError, ValueError, EOFError, TypeError, SyntaxError, RecursionError, OverflowError, TokenError)
N_BANDS = 48
PERCENTILES = (10, 90)
N_NUMBERS = (3 + len(PERCENTILES)) * N_BANDS


def is_mel_folder(path: Path) -> bool:
    """Return whether a folder has numbered folders with .npy files."""
    return path.is_dir() and next(_files(path), None) is not None


def read_mel_folder(path: Path, left_out: Callable[[str], None]) -> tuple[list[str], Floats]:
    """Return ids and vectors (track, 240) of all files, in the order of their numbers.

    left_out  is called with one line for each file that cannot be used
    """
    ids: list[str] = []
    vectors: list[Floats] = []
    for file in _files(path):
        try:
            vectors.append(statistics(_loaded(file)))
        except NOT_NPY as error:
            left_out(f"{file}: left out ({str(error)[:80]}); download it again")
        else:
            ids.append(file.stem)
    return ids, np.array(vectors, np.float32).reshape(len(ids), N_NUMBERS)


def _loaded(file: Path) -> Floats:
    """Return the array of a .npy file. ValueError for one whose header claims more than the file holds."""
    if not is_regular(file):
        raise ValueError("not a regular file")
    with file.open("rb") as opened:
        version = np.lib.format.read_magic(opened)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(opened)
        left = os.fstat(opened.fileno()).st_size - opened.tell()
        if dtype.hasobject or math.prod(shape) * dtype.itemsize > left:
            raise ValueError(f"it claims {dtype} of shape {shape}, but {left} bytes follow")
        opened.seek(0)
        return np.asarray(np.lib.format.read_array(opened, allow_pickle=False))


def statistics(mel: Floats) -> Floats:
    """Return the vector (240,) of a spectrogram (48, frame) or (frame, 48). ValueError for another or without sound."""
    if mel.ndim != 2 or N_BANDS not in mel.shape or min(mel.shape) < 2 or mel.dtype.kind != "f":
        raise ValueError(f"shape {mel.shape}, expected ({N_BANDS}, frames) of floating-point numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        bands = np.asarray(mel if mel.shape[0] == N_BANDS else mel.T, np.float64)  # (band, frame)
    if not np.isfinite(bands).all():
        raise ValueError("NaN or infinity in it")
    with np.errstate(over="ignore", invalid="ignore"):
        found = _statistics(bands)
    if not np.isfinite(found).all():
        raise ValueError("its numbers are too large")
    return found


def _statistics(bands: Doubles) -> Floats:
    changes = np.abs(np.diff(bands, axis=1)).mean(axis=1)
    parts = [bands.mean(axis=1), bands.std(axis=1), changes, *np.percentile(bands, PERCENTILES, axis=1)]
    return np.concatenate(parts).astype(np.float32)


def _files(path: Path) -> Iterator[Path]:
    folders = (one for one in path.iterdir() if one.name.isdecimal() and one.name.isascii() and one.is_dir())
    for folder in sorted(folders, key=lambda one: int(one.name)):
        files = (file for file in folder.glob("*.npy") if file.stem.isdecimal() and file.stem.isascii())
        yield from sorted(files, key=lambda file: int(file.stem))
