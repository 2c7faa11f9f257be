"""Tests of loudness against the standard's values and the test signals of EBU Tech 3341 (cases 1 to 5, 15 to 18)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from unheard.listening_test.loudness import SAMPLE_RATE_HZ, integrated_lufs, k_weighted, true_peak_db


def sine(seconds: float, db: float, *, hz: float = 1000.0, phase: float = 0.0) -> NDArray[np.float64]:
    t = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return np.asarray(10 ** (db / 20) * np.sin(2 * np.pi * hz * t + phase))


def stereo(*parts: tuple[float, float]) -> NDArray[np.float64]:
    """The same sine in two channels, (seconds, dB) after each other."""
    mono = np.concatenate([sine(seconds, db) for seconds, db in parts])
    return np.stack([mono, mono])


def test_a_full_scale_tone_in_one_channel() -> None:
    """BS.1770, annex 1: 0 dB FS at 997 Hz in the left, right or centre channel reads -3.01 LKFS."""
    assert integrated_lufs(sine(5, 0, hz=997)) == pytest.approx(-3.01, abs=0.01)
    assert integrated_lufs(np.stack([sine(5, 0, hz=997), np.zeros(5 * SAMPLE_RATE_HZ)])) == pytest.approx(
        -3.01, abs=0.01
    )


@pytest.mark.parametrize(
    ("parts", "lufs"),
    [
        ([(20, -23)], -23.0),
        ([(20, -33)], -33.0),
        ([(10, -36), (60, -23), (10, -36)], -23.0),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
        ([(20, -26), (20.1, -20), (20, -26)], -23.0),
    ],
)
def test_gates(parts: list[tuple[float, float]], lufs: float) -> None:
    assert integrated_lufs(stereo(*parts)) == pytest.approx(lufs, abs=0.1)


@pytest.mark.parametrize(("hz", "degrees"), [(12_000, 0), (12_000, 45), (8_000, 60), (6_000, 67.5)])
def test_peaks_between_the_samples(hz: float, degrees: float) -> None:
    """-6.0 dBTP, within +0.2 and -0.4, wherever the samples lie on the wave."""
    tone = sine(1, -6.02, hz=hz, phase=math.radians(degrees))
    assert -6.4 <= true_peak_db(tone[1000:-1000] * np.hanning(len(tone) - 2000) ** 0.1) <= -5.8


def test_weighting_attenuates_low_and_amplifies_high_frequencies() -> None:
    """The weighting at 30 Hz, 100 Hz and 10 kHz against 1 kHz, in dB: the response of tables 1 and 2."""

    def gain_db(hz: float) -> float:
        tone = sine(3, 0, hz=hz)
        return 10 * math.log10(float((k_weighted(tone)[48_000:] ** 2).mean() / (tone[48_000:] ** 2).mean()))

    assert gain_db(30) - gain_db(997) == pytest.approx(-9.2, abs=0.5)
    assert gain_db(100) - gain_db(997) == pytest.approx(-1.8, abs=0.3)
    assert gain_db(10_000) - gain_db(997) == pytest.approx(3.3, abs=0.2)


@given(st.floats(-30, 10))
@settings(max_examples=20, deadline=None)
def test_louder_is_louder(gain_db: float) -> None:
    noise = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE_HZ) * 0.05
    assert integrated_lufs(noise * 10 ** (gain_db / 20)) == pytest.approx(integrated_lufs(noise) + gain_db, abs=1e-6)


def test_nothing_to_measure() -> None:
    assert integrated_lufs(np.zeros(SAMPLE_RATE_HZ)) == -math.inf
    assert integrated_lufs(sine(0.3, 0)) == -math.inf
    assert true_peak_db(np.zeros(100)) == -math.inf
