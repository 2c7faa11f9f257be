"""Test that a scan of a long file needs little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from unheard.scan.audio_extraction import extract_audio
from unheard.workspace import FrontEndName, Settings

BYTES_PER_FRAME = {"standard": 128, "parity": 256}


def peak_bytes(path: Path, settings: Settings) -> int:
    tracemalloc.start()
    try:
        extract_audio(path, settings)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("front_end", ["standard", "parity"])
def test_memory_grows_with_the_encoded_frames_only(front_end: FrontEndName, tmp_path: Path) -> None:
    """Four more minutes need memory for their frames twice and some numbers a frame, not for samples."""
    minute = (0.1 * np.random.default_rng(0).standard_normal(22_050 * 60)).astype(np.float32)
    settings = Settings(front_end)
    peaks = []
    for minutes in (1, 5):
        path = tmp_path / f"{minutes}.wav"
        soundfile.write(path, np.tile(minute, minutes), 22_050)
        peaks.append(peak_bytes(path, settings))
    frames = 4 * 60 * 22_050 / 512
    samples = 4 * 60 * 22_050 * 4
    grown = peaks[1] - peaks[0]
    assert grown < frames * (2 * BYTES_PER_FRAME[front_end] + 700)
    assert grown < samples / 2
    assert peaks[0] < 20e6
