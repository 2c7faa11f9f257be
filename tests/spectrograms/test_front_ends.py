"""Test filterbank, STFT and front ends against their definitions and librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard.spectrograms.filterbank import hz_to_mel, mel_filterbank, mel_to_hz, sparse_filterbank
from unheard.spectrograms.front_end import (
    decibels,
    mel_db,
    mel_db_of_power,
    relative_decibels,
    silent_frame,
)
from unheard.spectrograms.stft import hann, n_frames, power_spectra
from unheard.workspace import Settings

STANDARD, PARITY = Settings("standard"), Settings("parity")


def noise(n: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def whole(samples: np.ndarray, settings: Settings = STANDARD) -> np.ndarray:
    return np.concatenate(list(mel_db([samples], settings)))


# --------------------------------------------------------------------------------------------------- filterbank


@pytest.mark.parametrize(("rate", "n_fft", "n_mels"), [(22_050, 1024, 128), (44_100, 2048, 40), (16_000, 512, 26)])
def test_filterbank_is_librosas(rate: int, n_fft: int, n_mels: int) -> None:
    ours = mel_filterbank(sample_rate=rate, n_fft=n_fft, n_mels=n_mels)
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    sparse = sparse_filterbank(sample_rate=rate, n_fft=n_fft, n_mels=n_mels)
    np.testing.assert_array_equal(sparse.toarray(), ours)


def test_mel_scale_at_its_corner_stones() -> None:
    """15 mel are 1,000 Hz, 27 mel more are a factor of 6.4."""
    np.testing.assert_allclose(hz_to_mel(np.array([0.0, 500.0, 1000.0, 6400.0])), [0.0, 7.5, 15.0, 42.0])
    np.testing.assert_allclose(mel_to_hz(np.array([0.0, 7.5, 15.0, 42.0])), [0.0, 500.0, 1000.0, 6400.0])


# --------------------------------------------------------------------------------------------------------- STFT


def test_frames_are_the_definition() -> None:
    """|sum_n w(n) x(512 t + n) exp(-2 pi i k n / 1024)|^2, written out."""
    samples = noise(3000)
    power = np.concatenate(list(power_spectra([samples], STANDARD)))
    padded = np.pad(samples, (0, 5 * 512 + 1024 - 3000)).astype(np.float64)
    n = np.arange(1024)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / 1024)
    kernel = np.exp(-2j * np.pi * np.outer(np.arange(513), n) / 1024)
    assert power.shape == (5, 513)
    for t in range(5):
        expected = np.abs(kernel @ (window * padded[512 * t : 512 * t + 1024])) ** 2
        np.testing.assert_allclose(power[t], expected, rtol=1e-3, atol=1e-4)


def test_window_is_scipys() -> None:
    import scipy.signal

    np.testing.assert_allclose(hann(1024), scipy.signal.get_window("hann", 1024), atol=1e-7)


def test_mel_is_librosas() -> None:
    samples = noise(22_050 * 3)
    theirs = librosa.feature.melspectrogram(y=samples, sr=22_050, n_fft=1024, hop_length=512, center=False, n_mels=128)
    ours = whole(samples)
    assert len(ours) - theirs.shape[1] in {0, 1}
    np.testing.assert_allclose(ours[: theirs.shape[1]], librosa.power_to_db(theirs, top_db=None).T, atol=1e-3)


@pytest.mark.parametrize(("n", "frames"), [(1, 1), (1024, 1), (1025, 2), (1536, 2), (1537, 3), (512 * 255 + 1024, 256)])
def test_no_sample_is_lost(n: int, frames: int) -> None:
    """The last frame has the last sample; every frame has a new sample."""
    samples = np.zeros(n, np.float32)
    samples[-1] = 1.0
    power = np.concatenate(list(power_spectra([samples], STANDARD)))
    assert len(power) == n_frames(n, STANDARD) == frames
    assert (n - 1) // 512 * 512 >= (frames - 1) * 512 - 512
    if (n - 1) % 512 > 20:  # where the window is not nearly zero
        assert power[-1].max() > 0


def test_nothing_gives_nothing() -> None:
    assert list(power_spectra([], STANDARD)) == []
    assert list(power_spectra([np.empty(0, np.float32)], STANDARD)) == []


@pytest.mark.parametrize("front_end", [STANDARD, PARITY])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_how_samples_are_split_makes_no_difference(front_end: Settings, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 300_000))
    ends = sorted(data.draw(st.lists(st.integers(0, n), max_size=6)))
    samples = noise(n)
    pieces = np.split(samples, ends)
    np.testing.assert_array_equal(np.concatenate(list(mel_db(pieces, front_end))), whole(samples, front_end))


# -------------------------------------------------------------------------------------------------- front ends


def test_decibels_have_full_scale_as_reference_and_a_floor() -> None:
    np.testing.assert_allclose(decibels(np.array([1.0, 100.0, 1e-3, 0.0], np.float32)), [0.0, 20.0, -30.0, -100.0])


def test_relative_decibels_by_hand() -> None:
    """10 log10 of a magnitude, the maximum of a patch is 0, none below -80, as in Kapre's layer."""
    patch = np.array([[4.0, 0.04], [0.0, 4e-8]], np.float32)
    np.testing.assert_allclose(relative_decibels(patch), [[0.0, -20.0], [-80.0, -80.0]], atol=1e-5)
    assert not relative_decibels(np.zeros((2, 2), np.float32)).any()


def test_parity_is_decibels_before_mel() -> None:
    """Computed step by step for a track of one and a half patches."""
    samples = noise(512 * 384 + 512, seed=3)
    power = np.concatenate(list(power_spectra([samples], PARITY)))
    magnitude = np.zeros((512, 513))
    magnitude[: len(power)] = np.sqrt(power)
    weights = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=128)
    expected = []
    for patch in (magnitude[:256], magnitude[256:]):
        db = 10 * np.log10(np.maximum(patch, 1e-10))
        expected.append(np.maximum(db - db.max(), -80.0) @ weights.T)
    found = whole(samples, PARITY)
    assert len(power) == 384
    assert found.shape == (512, 128)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-3)
    np.testing.assert_allclose(found[-1], silent_frame(PARITY), atol=1e-4)


def test_parity_forgets_loudness_and_standard_does_not() -> None:
    samples = noise(512 * 255 + 1024, seed=4)
    np.testing.assert_allclose(whole(samples, PARITY), whole(10 * samples, PARITY), atol=1e-3)
    np.testing.assert_allclose(whole(samples, STANDARD) + 20, whole(10 * samples, STANDARD), atol=1e-3)


def test_silence_has_the_lowest_value() -> None:
    quiet = mel_db_of_power(np.zeros((3, 513), np.float32), STANDARD)
    np.testing.assert_allclose(quiet, np.tile(silent_frame(STANDARD), (3, 1)), rtol=1e-6)
