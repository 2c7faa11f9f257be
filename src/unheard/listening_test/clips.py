"""Excerpts that differ in nothing but the music: equally long, equally loud, in files of equal size.

The middle of a track stands for it: intros and endings, which are most alike among songs that are not, are farthest
away. Sound is mono, as the models hear it, so that one earpiece loses nothing. All clips of a study are as loud as each
other (loudness.py); that level is `TARGET_LUFS`, or lower if a clip's peaks would otherwise come near full scale, for
all of them: nothing is limited or clipped. MP3 at a constant rate, which every browser plays, makes files of the same
length equally big.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.artefacts import atomic_path
from unheard.errors import AudioError, Reason
from unheard.ingest.audio import decode_blocks
from unheard.listening_test.loudness import SAMPLE_RATE_HZ, integrated_lufs, true_peak_db

TARGET_LUFS = -20.0
HIGHEST_PEAK_DB = -3.0  # MP3 may overshoot the peaks it was given by a decibel or two
FADE_S = 0.03
BIT_RATE = 96_000
LAME_SCALE = 0.95  # what libmp3lame multiplies every sample by

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """Loudness of an excerpt in LUFS, and its true peak in dB over full scale."""

    lufs: float
    peak_db: float


def excerpt(path: Path, *, duration_s: float, clip_s: float) -> Sound:
    """The middle `clip_s` seconds of a file, mono at 48 kHz, (sample,); AudioError if there is less, or silence."""
    n = round(clip_s * SAMPLE_RATE_HZ)
    start = max(0, round((duration_s - clip_s) / 2 * SAMPLE_RATE_HZ))
    parts: list[Sound] = []
    position = 0
    for block in decode_blocks(path, sample_rate=SAMPLE_RATE_HZ):
        parts.append(block[max(0, start - position) : max(0, start + n - position)])
        position += len(block)
        if position >= start + n:
            break
    sound = np.concatenate(parts)
    if len(sound) < n:
        detail = f"its middle has {len(sound) / SAMPLE_RATE_HZ:.1f} s of sound, expected {clip_s:g} s"
        raise AudioError(path, Reason.TOO_SHORT, detail)
    return sound


def level(path: Path, sound: Sound) -> Level:
    """Loudness and peak of an excerpt; AudioError if it is too quiet to be made as loud as others."""
    lufs = integrated_lufs(sound)
    if math.isinf(lufs):
        raise AudioError(path, Reason.SILENT, "the middle of it is silent")
    return Level(lufs, true_peak_db(sound))


def common_lufs(levels: Iterable[Level]) -> float:
    """The highest loudness, up to `TARGET_LUFS`, that every clip can have without a peak above `HIGHEST_PEAK_DB`."""
    return min([TARGET_LUFS, *(HIGHEST_PEAK_DB - found.peak_db + found.lufs for found in levels)])


def write_clip(path: Path, sound: Sound, *, gain_db: float) -> None:
    """Encode an excerpt with short fades. The file tells no time, title or name."""
    import av

    n_fade = round(FADE_S * SAMPLE_RATE_HZ)
    fade = np.sin(np.linspace(0, np.pi / 2, n_fade, dtype=np.float32)) ** 2
    samples = sound * np.float32(10 ** (gain_db / 20) / LAME_SCALE)
    samples[:n_fade] *= fade
    samples[-n_fade:] *= fade[::-1]
    with atomic_path(path) as beside, av.open(str(beside), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    os.utime(path, (0, 0))
