"""Test MFCC and deltas against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from unheard.spectrograms.mfcc import bag_frames, deltas, mfcc


@pytest.fixture
def mel_db() -> np.ndarray:
    return np.random.default_rng(0).normal(-40.0, 15.0, (300, 128)).astype(np.float32)


@pytest.mark.parametrize("n_mfcc", [13, 20, 128])
def test_mfcc(mel_db: np.ndarray, n_mfcc: int) -> None:
    expected = librosa.feature.mfcc(S=mel_db.T, n_mfcc=n_mfcc).T
    np.testing.assert_allclose(mfcc(mel_db, n_mfcc=n_mfcc), expected, atol=1e-3)


def test_mfcc_is_the_definition(mel_db: np.ndarray) -> None:
    m = np.arange(128)
    for k in (0, 1, 5):
        scale = np.sqrt((1 if k == 0 else 2) / 128)
        expected = scale * (mel_db * np.cos(np.pi * k * (2 * m + 1) / 256)).sum(axis=1)
        np.testing.assert_allclose(mfcc(mel_db)[:, k], expected, atol=1e-3)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("n", [9, 10, 300])
def test_deltas(mel_db: np.ndarray, order: int, n: int) -> None:
    expected = librosa.feature.delta(mel_db[:n].T, order=order).T
    np.testing.assert_allclose(deltas(mel_db[:n], order=order), expected, atol=1e-4)


def test_deltas_of_a_parabola() -> None:
    """x = 3 t^2 + 2 t + 1: slope at the middle frame of each window, second derivative 6 everywhere."""
    t = np.arange(30.0)
    x = (3 * t**2 + 2 * t + 1)[:, None].astype(np.float32)
    np.testing.assert_allclose(deltas(x, order=1)[4:-4, 0], (6 * t + 2)[4:-4], rtol=1e-4)
    np.testing.assert_allclose(deltas(x, order=2)[:, 0], np.full(30, 6.0), rtol=1e-3)


@pytest.mark.parametrize("n", [1, 2, 8])
def test_short_tracks_have_deltas_too(mel_db: np.ndarray, n: int) -> None:
    frames = bag_frames(mel_db[:n])
    assert frames.shape == (n, 39)
    assert np.isfinite(frames).all()


def test_bag_frames_are_three_blocks(mel_db: np.ndarray) -> None:
    frames, static = bag_frames(mel_db), mfcc(mel_db, n_mfcc=13)
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, np.hstack([static, deltas(static, order=1), deltas(static, order=2)]))
