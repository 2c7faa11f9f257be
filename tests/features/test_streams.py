"""Two spectrograms from one decoding are those of two."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from unheard.spectrograms.musicnn_mel import PATCH_FRAMES, patches_of_file

from tests.ingest.sounds import cut, song, write
from unheard.errors import AudioError
from unheard.spectrograms.listen import mel_of_file, patches_and_mel
from unheard.workspace import Settings


@pytest.mark.parametrize("name", ["a.flac", "b.mp3", "c.opus"])
@pytest.mark.parametrize("seconds", [1.5, 20.0])
def test_both_are_what_they_are_alone(name: str, seconds: float, tmp_path: Path) -> None:
    path = write(tmp_path / name, song(0, seconds, rate=48_000), rate=48_000)
    mel: list[NDArray[Any]] = []
    found = list(patches_and_mel(path, Settings(), mel))
    np.testing.assert_array_equal(found, list(patches_of_file(path)))
    np.testing.assert_array_equal(np.concatenate(mel), mel_of_file(path, Settings()))


def test_they_keep_the_same_pace(tmp_path: Path) -> None:
    """What is decoded for one of them and waits for the other stays little, whatever the length."""
    seconds = 200.0
    path = write(tmp_path / "a.wav", song(1, seconds, rate=16_000), rate=16_000)
    list(patches_and_mel(path, Settings(), []))
    mel: list[NDArray[Any]] = []
    tracemalloc.start()
    for n_patches, _ in enumerate(patches_and_mel(path, Settings(), mel), start=1):
        ours_s = sum(len(block) for block in mel) * 512 / 22_050
        assert abs(ours_s - min(seconds, n_patches * PATCH_FRAMES * 256 / 16_000)) < 15.0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6  # of 30 MB of samples at both rates


def test_a_cut_file_raises_behind_its_patches(tmp_path: Path) -> None:
    path = cut(write(tmp_path / "a.flac", song(2, 20.0)), tmp_path / "half.flac")
    with pytest.raises(AudioError, match="copy or encode it again"):
        list(patches_and_mel(path, Settings(), []))
