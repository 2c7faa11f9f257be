"""Test chroma, tonnetz and tuning against librosa, and with notes of known pitch."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.features.chroma import SETTINGS, Chroma, chroma, chroma_filters, estimate_tuning, tonnetz
from unheard.spectrograms.stft import power_spectra

pytestmark = pytest.mark.slow

RATE = SETTINGS.sample_rate
C_MAJOR, G_MAJOR, A_MINOR = (0, 4, 7), (7, 11, 14), (9, 12, 16)  # semitones above middle C


def chords(*each: tuple[int, ...], tuning: float = 0.0, seconds: float = 1.5) -> NDArray[np.float32]:
    """Return chords one after the other, of notes with five decaying overtones."""
    t = np.arange(int(RATE * seconds)) / RATE
    sounds = []
    for chord in each:
        pitches_hz = [440 * 2 ** ((note - 9 + tuning) / 12) for note in chord]
        sounds.append(sum(np.sin(2 * np.pi * n * hz * t) / n**1.5 for hz in pitches_hz for n in range(1, 6)))
    return (0.1 * np.concatenate(sounds)).astype(np.float32)


def test_filters_are_those_of_librosa() -> None:
    for hundredths in (0, 23, -40):
        theirs = librosa.filters.chroma(sr=RATE, n_fft=SETTINGS.n_fft, tuning=hundredths / 100, dtype=np.float64)
        np.testing.assert_allclose(chroma_filters(hundredths), theirs, atol=1e-9)


def test_chroma_and_tonnetz_are_those_of_librosa() -> None:
    rng = np.random.default_rng(0)
    samples = chords(C_MAJOR, A_MINOR)
    samples += rng.normal(0, 0.01, len(samples)).astype(np.float32)
    power = np.concatenate(list(power_spectra([samples], SETTINGS)))
    ours = chroma(power, 0.1)
    theirs = librosa.feature.chroma_stft(S=power.T, sr=RATE, n_fft=SETTINGS.n_fft, tuning=0.1)
    np.testing.assert_allclose(ours.T, theirs, atol=1e-4)
    np.testing.assert_allclose(tonnetz(ours).T, librosa.feature.tonnetz(chroma=ours.T), atol=1e-9)


@pytest.mark.parametrize("tuning", [-0.4, -0.1, 0.0, 0.25, 0.45])
def test_tuning_of_known_notes(tuning: float) -> None:
    assert estimate_tuning(chords(C_MAJOR, G_MAJOR, tuning=tuning)) == pytest.approx(tuning, abs=0.03)


def test_features_do_not_depend_on_tuning_or_loudness() -> None:
    plain = Chroma().extract(chords(C_MAJOR, G_MAJOR, A_MINOR))
    for other in (chords(C_MAJOR, G_MAJOR, A_MINOR, tuning=0.35), 0.03 * chords(C_MAJOR, G_MAJOR, A_MINOR)):
        np.testing.assert_allclose(Chroma().extract(other), plain, atol=0.05)
    moved = Chroma().extract(chords(*(tuple(note + 3 for note in chord) for chord in (C_MAJOR, G_MAJOR, A_MINOR))))
    np.testing.assert_allclose(moved[:24].reshape(2, 12), np.roll(plain[:24].reshape(2, 12), 3, axis=1), atol=0.1)
    assert np.abs(moved - plain).max() > 0.3


def test_the_notes_of_a_chord_are_the_strongest() -> None:
    found = Chroma().extract(chords(C_MAJOR))
    assert sorted(np.argsort(-found[:12])[:3]) == [0, 4, 7]
    assert found.shape == (Chroma.dim,)
    assert found.dtype == np.float32


def test_silence_and_noise_are_finite() -> None:
    for samples in (np.zeros(RATE, np.float32), np.random.default_rng(0).normal(size=RATE).astype(np.float32)):
        assert np.isfinite(Chroma().extract(samples)).all()
