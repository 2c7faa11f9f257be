"""Tests of rendered clips, decoded again."""

from __future__ import annotations

from pathlib import Path

import mutagen
import numpy as np
import pytest

from tests.ingest.sounds import song, write
from unheard.errors import AudioError, Reason
from unheard.ingest.audio import decode_blocks
from unheard.listening_test.clips import TARGET_LUFS, Level, common_lufs, excerpt, level, write_clip
from unheard.listening_test.create import Created
from unheard.listening_test.loudness import SAMPLE_RATE_HZ, integrated_lufs

pytestmark = pytest.mark.slow


def decoded(path: Path) -> np.ndarray:
    return np.concatenate(list(decode_blocks(path, sample_rate=SAMPLE_RATE_HZ)))


def test_all_are_as_loud_as_each_other_and_none_is_clipped(rating: Created) -> None:
    loudness = []
    for name in rating.study.clips.values():
        sound = decoded(rating.folder / "clips" / name)
        assert np.abs(sound).max() < 1.0
        loudness.append(integrated_lufs(sound))
    assert len(loudness) > 30
    assert np.allclose(loudness, rating.study.loudness_lufs, atol=0.5)


def test_files_reveal_nothing(rating: Created) -> None:
    files = sorted((rating.folder / "clips").iterdir())
    assert [file.name for file in files] == sorted(rating.study.clips.values())
    assert len({file.stat().st_size for file in files}) == 1
    assert {file.stat().st_mtime_ns for file in files} == {0}
    lengths = set()
    for file in files:
        read = mutagen.File(file)
        assert set(read.tags or {}) <= {"TSSE"}  # the encoder
        lengths.add(read.info.length)
    assert len(lengths) == 1


def test_the_middle_of_the_track(tmp_path: Path) -> None:
    samples = np.zeros((48_000 * 4, 2), np.float32)
    samples[48_000 * 3 // 2 : 48_000 * 5 // 2] = 0.25
    path = write(tmp_path / "a.wav", samples, rate=48_000)
    sound = excerpt(path, duration_s=4.0, clip_s=1.0)
    assert len(sound) == 48_000
    assert np.allclose(sound, 0.25, atol=1e-3)


def test_short_and_silent_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", song(1, 2.0))
    with pytest.raises(AudioError) as short:
        excerpt(path, duration_s=2.0, clip_s=3.0)
    assert short.value.reason == Reason.TOO_SHORT
    with pytest.raises(AudioError) as silent:
        level(path, np.zeros(48_000, np.float32))
    assert silent.value.reason == Reason.SILENT


def test_a_clip_with_high_peaks_makes_all_of_them_quieter() -> None:
    tame, spiky = Level(-14.0, -1.0), Level(-30.0, -2.0)
    assert common_lufs([tame]) == TARGET_LUFS
    assert common_lufs([tame, spiky]) == pytest.approx(-31.0)  # its peak then is at -3


def test_edges_are_faded(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp3", np.full(48_000, 0.5, np.float32), gain_db=0.0)
    sound = decoded(tmp_path / "a.mp3")
    assert np.abs(sound[:48]).max() < 0.05
    assert np.abs(sound[20_000:28_000] - 0.5).max() < 0.05
