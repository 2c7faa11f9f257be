"""Test MusiCNN's front end against librosa, and patches that cover a track."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.ingest.sounds import song, write
from unheard.errors import AudioError
from unheard.features.musicnn_mel import PATCH_FRAMES, log_mel, patches, patches_of_file, spread_evenly

pytestmark = pytest.mark.slow

RATE_HZ = 16_000


@pytest.mark.parametrize("n", [RATE_HZ, 256 * 300, 256 * 300 + 1, 256 * 300 - 1])
def test_it_is_librosas(n: int) -> None:
    mono = song(0, 6.0, rate=RATE_HZ)[:n, 0].copy()
    power = librosa.feature.melspectrogram(
        y=mono, sr=RATE_HZ, n_fft=512, hop_length=256, n_mels=96, pad_mode="constant"
    )
    ours = np.concatenate(list(log_mel([mono])))
    assert ours.shape == (n // 256 + 1, 96)
    np.testing.assert_allclose(ours, np.log10(1.0 + 10_000.0 * power.T), atol=1e-3)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6))
def test_blocks_make_no_difference(sizes: list[int]) -> None:
    mono = np.random.default_rng(0).normal(0, 0.1, sum(sizes)).astype(np.float32)
    blocks = np.split(mono, np.cumsum(sizes)[:-1])
    np.testing.assert_array_equal(np.concatenate(list(log_mel(blocks))), np.concatenate(list(log_mel([mono]))))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=8))
def test_patches_cover_every_frame(sizes: list[int]) -> None:
    """Each patch starts at the end of the previous one; the last one ends with the track; a short track is repeated.

    They are the frames of the whole track, to the last bit.
    """
    mono = np.random.default_rng(0).normal(0, 0.1, sum(sizes)).astype(np.float32)
    frames = np.concatenate(list(log_mel([mono])))
    found = [patch.log_mel() for patch in patches(np.split(mono, np.cumsum(sizes)[:-1]))]
    n, width = len(frames), PATCH_FRAMES
    if n < width:
        expected = [np.resize(frames, (width, 96))]
    else:
        starts = [*range(0, n - width + 1, width), *([n - width] if n % width else [])]
        expected = [frames[start : start + width] for start in starts]
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


@given(n=st.integers(0, 300), max_items=st.integers(1, 40))
def test_of_a_long_track_some_patches_are_kept_evenly_spread(n: int, max_items: int) -> None:
    numbers = np.arange(n, dtype=np.float32)
    kept = [
        int(patch[0, 0])
        for patch in spread_evenly((np.full((2, 2), number) for number in numbers), max_items=max_items)
    ]
    step = next(2**k for k in range(10) if len(range(0, n, 2**k)) <= max_items)
    assert kept == list(range(0, n, step))


def test_a_file(tmp_path: Path) -> None:
    stereo = song(1, 7.0)
    path = write(tmp_path / "a.flac", stereo)
    found = list(patches_of_file(path))
    assert len(found) == 3  # 438 frames
    mono = librosa.resample(stereo.mean(axis=1), orig_sr=44_100, target_sr=RATE_HZ)
    power = librosa.feature.melspectrogram(y=mono, sr=RATE_HZ, n_fft=512, hop_length=256, n_mels=96)
    expected = np.log10(1.0 + 10_000.0 * power.T)[:PATCH_FRAMES]
    np.testing.assert_allclose(found[0], expected, atol=0.02)  # two ways to resample
    with pytest.raises(AudioError, match="missing"):
        list(patches_of_file(tmp_path / "b.flac"))


def test_an_hour_takes_little_memory() -> None:
    def noise() -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(0)
        for _ in range(600):
            yield rng.standard_normal(96_000, np.float32)

    [patch.log_mel() for patch in patches([np.zeros(9, np.float32)])]  # the filterbank
    tracemalloc.start()
    assert sum(len(patch.log_mel()) > 0 for patch in patches(noise())) == -(-225_001 // PATCH_FRAMES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6
