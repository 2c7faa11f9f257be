"""What MusiCNN hears: patches of log mel power of a decoded file, in bounded memory (Pons & Serra 2019).

16 kHz mono, Hann windows of 512 samples every 256, centred (frame t is around sample 256 t, with zeros before the first
one), 96 Slaney mel bands of power, log10(1 + 10,000 power). A patch is 187 frames, 3 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from unheard.ingest.audio import decode_blocks
from unheard.spectrograms.filterbank import sparse_filterbank
from unheard.spectrograms.stft import GROUP_FRAMES, power_spectra
from unheard.workspace import Settings

T = TypeVar("T")

# `patch_frames` is only how many frames are transformed at a time.
SETTINGS = Settings(sample_rate=16_000, n_fft=512, hop_length=256, n_mels=96, patch_frames=4 * GROUP_FRAMES)
PATCH_FRAMES = 187
GAIN = np.float32(10_000.0)
MOST_PATCHES = 32


def patches_of_file(path: Path) -> Iterator[NDArray[np.float32]]:
    """Patches (frame, mel) of an audio file, one after another; AudioError as `decode_blocks` raises it."""
    yield from patches(log_mel(decode_blocks(path, sample_rate=SETTINGS.sample_rate)))


def log_mel(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Log mel power of mono blocks at 16 kHz, as (frame, mel) float32; n samples give n // 256 + 1 frames."""
    before, behind = np.zeros(SETTINGS.n_fft // 2, np.float32), np.zeros(1, np.float32)
    filterbank = sparse_filterbank(sample_rate=SETTINGS.sample_rate, n_fft=SETTINGS.n_fft, n_mels=SETTINGS.n_mels)
    for power in power_spectra(chain([before], blocks, [behind]), SETTINGS):
        mel: NDArray[np.float32] = filterbank @ power.T  # (mel, frame)
        yield np.log10(np.float32(1.0) + GAIN * np.ascontiguousarray(mel.T))


def patches(mels: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Cut blocks of frames into patches that cover them all: (187, mel) each.

    The last patch is moved back so that it is full. Sound shorter than a patch is repeated, as it was in training.
    """
    recent = np.zeros((0, SETTINGS.n_mels), np.float32)  # the last patch, and the frames that are in none yet
    n_new = 0
    for block in mels:
        recent, n_new = np.concatenate([recent, block]), n_new + len(block)
        while n_new >= PATCH_FRAMES:
            first = len(recent) - n_new
            yield recent[first : first + PATCH_FRAMES]
            n_new -= PATCH_FRAMES
        recent = recent[max(0, len(recent) - n_new - PATCH_FRAMES) :]
    if n_new:
        yield np.resize(recent[-PATCH_FRAMES:], (PATCH_FRAMES, SETTINGS.n_mels))


def evenly(items: Iterable[T], *, most: int = MOST_PATCHES) -> list[T]:
    """Every item, or every second, fourth, eighth, ...: the least power of two that leaves at most `most`.

    Neighbouring patches of a song say much the same, so a long one need not cost more than a short one. How long it is
    shows only at its end; until then no more than `most` are held.
    """
    kept: list[T] = []
    step = 1
    for number, item in enumerate(items):
        if number % step == 0:
            kept.append(item)
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    return kept
