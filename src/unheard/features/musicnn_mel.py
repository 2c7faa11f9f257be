"""Compute the input of MusiCNN: patches of log mel power of a decoded file, in bounded memory (Pons & Serra 2019).

16 kHz mono, Hann windows of 512 samples every 256, centred (frame t is around sample 256 t, with zeros before the first
one), 96 Slaney mel bands of power, log10(1 + 10,000 power). A patch is 187 frames, 3 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from unheard.arrays import Floats
from unheard.ingest.audio import decode_blocks
from unheard.spectrograms.filterbank import sparse_filterbank
from unheard.spectrograms.stft import GROUP_FRAMES, power_spectra
from unheard.workspace import Settings

T = TypeVar("T")

# `patch_frames` is only how many frames are transformed at a time.
SETTINGS = Settings(sample_rate=16_000, n_fft=512, hop_length=256, n_mels=96, patch_frames=4 * GROUP_FRAMES)
PATCH_FRAMES = 187
GAIN = np.float32(10_000.0)
MAX_PATCHES = 32


def patches_of_file(path: Path) -> Iterator[Floats]:
    """Yield the patches (frame, mel) of an audio file; AudioError as `decode_blocks` raises it."""
    yield from patches(log_mel(decode_blocks(path, sample_rate=SETTINGS.sample_rate)))


def log_mel(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield log mel power (frame, mel) of mono blocks at 16 kHz; n samples give n // 256 + 1 frames."""
    before, behind = np.zeros(SETTINGS.n_fft // 2, np.float32), np.zeros(1, np.float32)
    filterbank = sparse_filterbank(sample_rate=SETTINGS.sample_rate, n_fft=SETTINGS.n_fft, n_mels=SETTINGS.n_mels)
    for power in power_spectra(chain([before], blocks, [behind]), SETTINGS):
        mel: Floats = filterbank @ power.T  # (mel, frame)
        yield np.log10(np.float32(1.0) + GAIN * np.ascontiguousarray(mel.T))


def patches(mels: Iterable[Floats]) -> Iterator[Floats]:
    """Cut blocks of frames into patches (187, mel) that cover all frames.

    The last patch is moved back so that it is full. A track shorter than a patch is repeated, as in MusiCNN's training.
    """
    recent = np.zeros((0, SETTINGS.n_mels), np.float32)  # the last patch, and frames that are in no patch yet
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


def spread_evenly(items: Iterable[T], *, max_items: int = MAX_PATCHES) -> list[T]:
    """Return every item, or every second, fourth, eighth, ...: the least power of two that leaves at most `max_items`.

    Neighbouring patches of a track are similar, so a long track need not cost more than a short one. The number of
    items is known only at the end; no more than `max_items` are held at a time.
    """
    kept: list[T] = []
    step = 1
    for number, item in enumerate(items):
        if number % step == 0:
            kept.append(item)
        if len(kept) > max_items:
            kept, step = kept[::2], 2 * step
    return kept
