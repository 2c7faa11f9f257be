"""Compute the input of MusiCNN: patches of log mel power of a decoded file, in bounded memory (Pons & Serra 2019).

16 kHz mono, Hann windows of 512 samples every 256, centred (frame t is around sample 256 t, with zeros before the first
one), 96 Slaney mel bands of power, log10(1 + 10,000 power). A patch is 187 frames, 3 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Patch:
    """The samples that a patch (187, mel) is computed from: most patches of a long file are never computed.

    Frames are transformed in groups of GROUP_FRAMES, so that a patch is the same, to the last bit, wherever it is cut.

    samples  (n,) of all groups that the patch is in, zeros before the first sample of the file included
    first    frame among these at which the patch begins
    n        its frames; fewer than 187 only if the file is shorter
    """

    samples: Floats
    first: int
    n: int

    def log_mel(self) -> Floats:
        """Return the patch (187, mel). One shorter than that is repeated, as in MusiCNN's training."""
        found = np.concatenate(list(_log_mel([self.samples])))[self.first : self.first + self.n]
        return found if self.n == PATCH_FRAMES else np.resize(found, (PATCH_FRAMES, SETTINGS.n_mels))


def patches_of_file(path: Path) -> Iterator[Floats]:
    """Yield the patches (frame, mel) of an audio file; AudioError as `decode_blocks` raises it."""
    return (patch.log_mel() for patch in patches(decode_blocks(path, sample_rate=SETTINGS.sample_rate)))


def log_mel(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield log mel power (frame, mel) of mono blocks at 16 kHz; n samples give n // 256 + 1 frames."""
    return _log_mel(_centred(blocks))


def _centred(blocks: Iterable[Floats]) -> Iterator[Floats]:
    return chain([np.zeros(SETTINGS.n_fft // 2, np.float32)], blocks, [np.zeros(1, np.float32)])


def _log_mel(blocks: Iterable[Floats]) -> Iterator[Floats]:
    filterbank = sparse_filterbank(sample_rate=SETTINGS.sample_rate, n_fft=SETTINGS.n_fft, n_mels=SETTINGS.n_mels)
    for power in power_spectra(blocks, SETTINGS):
        mel: Floats = filterbank @ power.T  # (mel, frame)
        yield np.log10(np.float32(1.0) + GAIN * np.ascontiguousarray(mel.T))


def patches(blocks: Iterable[Floats]) -> Iterator[Patch]:
    """Cut mono blocks at 16 kHz into patches that cover all frames; the last one is moved back so that it is full."""
    hop, step = SETTINGS.hop_length, GROUP_FRAMES * SETTINGS.hop_length  # samples from group to group
    overlap = SETTINGS.n_fft - hop
    kept, start, number = np.zeros(0, np.float32), 0, 0  # samples from `start` on, a multiple of `step`
    waiting: list[Floats] = []
    n_samples = 0

    def cut(first: int, n: int) -> Patch:
        group, end = first // GROUP_FRAMES, -(-(first + n) // GROUP_FRAMES) * step + overlap
        samples = kept[group * step - start : end - start].copy()  # a view would keep all samples in memory
        return Patch(samples, first - group * GROUP_FRAMES, n)

    for block in _centred(blocks):
        waiting.append(block)
        n_samples += len(block)
        if n_samples < -(-(number + 1) * PATCH_FRAMES // GROUP_FRAMES) * step + overlap:
            continue
        kept, waiting = np.concatenate([kept, *waiting]), []
        while n_samples >= -(-(number + 1) * PATCH_FRAMES // GROUP_FRAMES) * step + overlap:
            yield cut(number * PATCH_FRAMES, PATCH_FRAMES)
            number += 1
        first_needed = max(0, number - 1) * PATCH_FRAMES // GROUP_FRAMES * step  # the last one may be moved back
        kept, start = kept[first_needed - start :], first_needed
    kept = np.concatenate([kept, *waiting])
    n_frames = (n_samples - 1) // hop  # with the zeros at both ends
    while (number + 1) * PATCH_FRAMES <= n_frames:
        yield cut(number * PATCH_FRAMES, PATCH_FRAMES)
        number += 1
    if number * PATCH_FRAMES < n_frames:
        first = max(0, n_frames - PATCH_FRAMES)
        yield cut(first, n_frames - first)


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
