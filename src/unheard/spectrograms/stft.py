"""Compute the short-time Fourier transform of a stream of samples, in bounded memory.

Frame t covers samples [hop t, hop t + n_fft) under a periodic Hann window, without centring or reflection. Zeros are
appended to the stream to fill its last frame, so every sample is covered: n samples give
max(1, ceil((n - n_fft) / hop) + 1) frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from unheard.arrays import Floats
from unheard.workspace import Settings

GROUP_FRAMES = 64  # frames transformed at a time; they and their spectra fit into a core's cache: twice as fast


def n_frames(n_samples: int, settings: Settings) -> int:
    """Return the number of frames of a stream of `n_samples` (at least 1)."""
    return max(1, -(-(n_samples - settings.n_fft) // settings.hop_length) + 1)


def power_spectra(blocks: Iterable[Floats], settings: Settings) -> Iterator[Floats]:
    """Yield |STFT|^2 of mono float32 blocks, (frame, bin) float32 of `patch_frames` frames (the last may be shorter).

    The result does not depend on how the samples are split into blocks, not even in the last bit, because frames are
    always transformed in the same groups.
    """
    hop, width = settings.hop_length, settings.n_fft
    group = math.gcd(GROUP_FRAMES, settings.patch_frames)
    step, enough = group * hop, (group - 1) * hop + width  # samples from group to group, and samples in a group
    shape = (settings.patch_frames, width // 2 + 1)
    work = np.empty((group, width), np.float32)
    power, filled = np.empty(shape, np.float32), 0
    waiting: list[Floats] = []
    n_waiting = 0
    covered = 0  # number of the waiting samples that are in the last frame already
    for block in blocks:
        waiting.append(block)
        n_waiting += len(block)
        if n_waiting < enough:
            continue
        samples, start = np.concatenate(waiting), 0
        while len(samples) - start >= enough:
            _transform(samples[start : start + enough], hop, work, out=power[filled : filled + group])
            start, filled = start + step, filled + group
            if filled == len(power):
                yield power
                power, filled = np.empty(shape, np.float32), 0
        waiting, n_waiting, covered = [samples[start:]], len(samples) - start, width - hop
    if n_waiting > covered:
        tail = np.concatenate(waiting)
        n_last = n_frames(len(tail), settings)
        padded = np.pad(tail, (0, (n_last - 1) * hop + width - len(tail)))
        _transform(padded, hop, work[:n_last], out=power[filled : filled + n_last])
        filled += n_last
    if filled:
        yield power[:filled]


@lru_cache(maxsize=4)
def hann(width: int) -> Floats:
    """Return the periodic Hann window, (width,): sin^2(pi n / width)."""
    return (np.sin(np.pi * np.arange(width) / width) ** 2).astype(np.float32)


def _transform(samples: Floats, hop: int, work: Floats, *, out: Floats) -> None:
    """Write the power of the frames of `samples` to `out` (frame, bin); `work` (frame, sample) is overwritten."""
    width = work.shape[1]
    np.multiply(sliding_window_view(samples, width)[::hop], hann(width), out=work)
    from scipy.fft import rfft

    spectra = rfft(work, axis=1)  # (frame, bin) complex64
    np.square(spectra.real, out=out)
    out += np.square(spectra.imag)
