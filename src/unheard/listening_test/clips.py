"""Render excerpts that differ only in the music: of equal length, equal loudness and equal file size.

The middle of a track represents it, because intros and endings of different songs are often similar. Clips are mono, as
the input of the models is, so that raters with one earpiece miss nothing. All clips of a study are equally loud
(loudness.py): at `TARGET_LUFS`, or lower for all of them if a clip's peaks would otherwise come near full scale.
Nothing is limited or clipped. The format is MP3 at a constant bit rate, which every browser plays, and which gives
files of equal size.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unheard.arrays import Floats
from unheard.atomic_files import atomic_path
from unheard.errors import AudioError, Reason
from unheard.ingest.audio import decode_blocks
from unheard.listening_test.loudness import SAMPLE_RATE_HZ, integrated_lufs, true_peak_db

TARGET_LUFS = -20.0
MAX_PEAK_DB = -3.0  # encoding to MP3 may raise peaks by a decibel or two
FADE_S = 0.03
BIT_RATE = 96_000
LAME_SCALE = 0.95  # libmp3lame multiplies every sample by this


@dataclass(frozen=True)
class Level:
    """Loudness of an excerpt in LUFS, and its true peak in dB over full scale."""

    lufs: float
    peak_db: float


def excerpt(path: Path, *, duration_s: float, clip_s: float) -> Floats:
    """Return the middle `clip_s` seconds of a file, mono at 48 kHz, (sample,); raise AudioError if there is less."""
    n = round(clip_s * SAMPLE_RATE_HZ)
    start = max(0, round((duration_s - clip_s) / 2 * SAMPLE_RATE_HZ))
    parts: list[Floats] = []
    position = 0
    for block in decode_blocks(path, sample_rate=SAMPLE_RATE_HZ):
        parts.append(block[max(0, start - position) : max(0, start + n - position)])
        position += len(block)
        if position >= start + n:
            break
    samples = np.concatenate(parts)
    if len(samples) < n:
        detail = f"its middle has {len(samples) / SAMPLE_RATE_HZ:.1f} s of sound, expected {clip_s:g} s"
        raise AudioError(path, Reason.TOO_SHORT, detail)
    return samples


def level(path: Path, samples: Floats) -> Level:
    """Return the loudness and peak of an excerpt; raise AudioError if it is silent."""
    lufs = integrated_lufs(samples)
    if math.isinf(lufs):
        raise AudioError(path, Reason.SILENT, "its middle is silent")
    return Level(lufs, true_peak_db(samples))


def common_lufs(levels: Iterable[Level]) -> float:
    """Return the highest loudness, up to `TARGET_LUFS`, at which no clip has a peak above `MAX_PEAK_DB`."""
    return min([TARGET_LUFS, *(MAX_PEAK_DB - clip.peak_db + clip.lufs for clip in levels)])


def write_clip(path: Path, samples: Floats, *, gain_db: float) -> None:
    """Encode an excerpt with short fades. The file has no title, name or date."""
    import av

    n_fade = round(FADE_S * SAMPLE_RATE_HZ)
    fade = np.sin(np.linspace(0, np.pi / 2, n_fade, dtype=np.float32)) ** 2
    samples = samples * np.float32(10 ** (gain_db / 20) / LAME_SCALE)
    samples[:n_fade] *= fade
    samples[-n_fade:] *= fade[::-1]
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    os.utime(path, (0, 0))
