"""The `parity` front end against Kapre's two layers, written anew in Keras from Kapre's published behaviour.

From release 0.1.4 (2019) on, Kapre's AmplitudeToDB takes 10 log10 (not 20) of a magnitude of at least amin, subtracts
the maximum of each sample of the batch and cuts at -top_db; earlier releases subtracted the maximum of the whole batch.
Its Filterbank is a matrix product over frequency with librosa's Slaney filters (htk off, unit area).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import librosa
import numpy as np
import pytest
from keras import ops

from unheard.arrays import Floats
from unheard.ingest.patches import PatchFile
from unheard.scan.readymade import extract_patches
from unheard.spectrograms.front_end import mel_db_of_power
from unheard.workspace import Settings

PARITY = Settings("parity")
N_BINS, N_FRAMES, N_MELS = 513, 256, 128

TOLERANCE = 1e-4  # of the range that the mel bands of a patch span, before the store rounds to float16
FLOAT16_ROUNDING = 2.0**-11  # of a value

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on NumPy 2


class AmplitudeToDb(keras.layers.Layer):  # type: ignore[misc]
    """(batch, frequency, time, channel) magnitudes to decibels below each sample's maximum."""

    def call(self, x: Any) -> Any:
        decibels = 10.0 * ops.log(ops.maximum(x, 1e-10)) / np.log(10.0)
        relative = decibels - ops.max(decibels, axis=(1, 2, 3), keepdims=True)
        return ops.maximum(relative, -80.0)


class MelFilterbank(keras.layers.Layer):  # type: ignore[misc]
    """(batch, frequency, time, channel) to (batch, mel, time, channel)."""

    def call(self, x: Any) -> Any:
        filters = librosa.filters.mel(
            sr=22_050, n_fft=1024, n_mels=N_MELS, fmin=0.0, fmax=22_050 // 2, htk=False, norm="slaney"
        )
        last = ops.transpose(x, (0, 3, 2, 1))  # (batch, channel, time, frequency)
        return ops.transpose(ops.matmul(last, filters.T), (0, 3, 2, 1))


def kapre(patches: Floats) -> Floats:
    """(patch, 513, 256) magnitudes to (patch, 128, 256)."""
    model = keras.Sequential([keras.Input((N_BINS, N_FRAMES, 1)), AmplitudeToDb(), MelFilterbank()])
    out: Floats = ops.convert_to_numpy(model(patches[..., None]))[..., 0]
    return out


def patches() -> Floats:
    """Magnitudes (patch, 513, 256): noise, quiet, loud, with silence behind, silent, one tone, and below amin."""
    rng = np.random.default_rng(0)
    tilt = np.exp(-np.arange(N_BINS) / 60.0)[:, None]
    noise = np.abs(rng.standard_normal((7, N_BINS, N_FRAMES))) * tilt
    noise[1] *= 1e-4
    noise[2] *= 300.0
    noise[3, :, 100:] = 0.0
    noise[4] = 0.0
    noise[5] = 0.0
    noise[5, 40] = 7.0
    noise[6] *= 10.0 ** rng.uniform(-14.0, 2.0, (N_BINS, N_FRAMES))
    return noise.astype(np.float32)


def assert_near(ours: Floats, theirs: Floats) -> None:
    assert ours.shape == theirs.shape == (N_MELS, N_FRAMES)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=max(1e-6, TOLERANCE * float(np.ptp(theirs))))


def test_parity_is_kapre() -> None:
    magnitudes = patches()
    for magnitude, theirs in zip(magnitudes, kapre(magnitudes), strict=True):
        assert_near(mel_db_of_power(np.ascontiguousarray(magnitude.T) ** 2, PARITY).T, theirs)


def test_the_truth_has_the_range_that_it_should() -> None:
    """A test of the test: one loud row at 0 dB over 80 dB of silence, and nothing at all for silence."""
    theirs = kapre(patches()[4:6])
    assert not theirs[0].any()
    area = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=N_MELS)
    np.testing.assert_allclose(theirs[1][:, 0], -80.0 * (area.sum(axis=1) - area[:, 40]), atol=1e-4)


def test_ready_made_patches_are_stored_as_kapre_hears_them(tmp_path: Path) -> None:
    """As a scan reads them from HDF5: nothing but the store's float16 comes on top."""
    magnitudes = patches()
    with h5py.File(tmp_path / "patches.h5", "w") as file:
        file["a"] = magnitudes
    with PatchFile(tmp_path / "patches.h5", PARITY) as file:
        stored = extract_patches(file, "a", PARITY).mel
    assert isinstance(stored, np.ndarray)
    assert stored.dtype == np.float16
    heard = stored.astype(np.float32).reshape(-1, N_FRAMES, N_MELS).transpose(0, 2, 1)
    for ours, theirs in zip(heard, kapre(magnitudes), strict=True):
        atol = max(1e-6, TOLERANCE * float(np.ptp(theirs)))
        np.testing.assert_allclose(ours, theirs, rtol=FLOAT16_ROUNDING, atol=atol)


def test_the_last_patch_is_padded_with_zeros_before_its_decibels() -> None:
    """A short block is a patch whose silence is 80 dB below its own maximum."""
    magnitude = patches()[3]
    short = np.ascontiguousarray(magnitude[:, :100].T) ** 2
    assert_near(mel_db_of_power(short, PARITY).T, kapre(magnitude[None])[0])
