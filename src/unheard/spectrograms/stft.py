"""Short-time Fourier transform of a stream of samples, in bounded memory.

Frame t covers samples [hop t, hop t + n_fft) under a periodic Hann window; nothing is centred or reflected. The stream
is followed by just enough zeros to fill its last frame, so no sound is lost: n samples give
max(1, ceil((n - n_fft) / hop) + 1) frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from unheard.workspace import Settings

CACHED_FRAMES = (
    64  # frames transformed at a time, so that they and their spectra stay in a core's cache (twice as fast)
)


def n_frames(n_samples: int, settings: Settings) -> int:
    """How many frames a stream of `n_samples` (at least 1) gives."""
    return max(1, -(-(n_samples - settings.n_fft) // settings.hop_length) + 1)


def power_spectra(blocks: Iterable[NDArray[np.float32]], settings: Settings) -> Iterator[NDArray[np.float32]]:
    """|STFT|^2 of mono float32 blocks, as (frame, bin) float32 of `patch_frames` frames each (the last may be shorter).

    How the samples are split into blocks makes no difference, not even to the last bit.
    """
    hop, width = settings.hop_length, settings.n_fft
    step = settings.patch_frames * hop  # samples that a full output block moves on by
    enough = step - hop + width
    waiting: list[NDArray[np.float32]] = []
    n_waiting = 0
    covered = 0  # of the waiting samples, how many the last frame has seen already
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        if n_waiting < enough:
            continue
        samples = np.concatenate(waiting)
        start = 0
        while len(samples) - start >= enough:
            yield _power(samples[start : start + enough], settings)
            start += step
        waiting, n_waiting, covered = [samples[start:]], len(samples) - start, width - hop
    if n_waiting > covered:
        tail = np.concatenate(waiting)
        padded = (n_frames(len(tail), settings) - 1) * hop + width
        yield _power(np.pad(tail, (0, padded - len(tail))), settings)


@lru_cache(maxsize=4)
def hann(width: int) -> NDArray[np.float32]:
    """Periodic Hann window, (width,): sin^2(pi n / width)."""
    return (np.sin(np.pi * np.arange(width) / width) ** 2).astype(np.float32)


def _power(samples: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    frames = sliding_window_view(samples, settings.n_fft)[:: settings.hop_length]  # (frame, sample), a view
    power = np.empty((len(frames), settings.n_fft // 2 + 1), np.float32)
    for start in range(0, len(frames), CACHED_FRAMES):
        part = frames[start : start + CACHED_FRAMES] * hann(settings.n_fft)
        spectra = scipy.fft.rfft(part, axis=1, overwrite_x=True)  # (frame, bin) complex64
        out = power[start : start + CACHED_FRAMES]
        np.square(spectra.real, out=out)
        out += np.square(spectra.imag)
    return power
