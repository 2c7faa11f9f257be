"""Test statistics of blocks against plain NumPy, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unheard.spectrograms.mfcc import deltas, mfcc
from unheard.spectrograms.statistics import (
    MFCC_STATISTICS,
    N_STATISTICS,
    STATISTICS,
    TEMPO_EDGES_BPM,
    statistics,
    statistics_of_blocks,
)

FRAMES_PER_S = 22_050 / 512


def frames(n: int = 700, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(-40, 10, (n, 128)) + 5 * np.sin(np.arange(n) / 7)[:, None], np.float32)


def test_the_table_covers_the_vector() -> None:
    ends = [0, *(part.stop for part in STATISTICS.values())]
    assert [part.start for part in STATISTICS.values()] == ends[:-1]
    assert ends[-1] == N_STATISTICS == len(statistics(frames()))
    mfcc_names = [
        name for name, part in STATISTICS.items() if MFCC_STATISTICS.start <= part.start < MFCC_STATISTICS.stop
    ]
    assert mfcc_names == ["mfcc_mean", "mfcc_std", "mfcc_delta_std", "mfcc_correlation"]


def test_blocks_are_what_they_say() -> None:
    x = frames()
    found = statistics(x)
    cepstra = mfcc(x, n_mfcc=20)
    correlation = np.asarray(np.corrcoef(cepstra.T))
    loudness = x.mean(axis=1)
    expected = {
        "mel_mean": x.mean(axis=0),
        "mel_std": x.std(axis=0),
        "mfcc_mean": cepstra.mean(axis=0),
        "mfcc_std": cepstra.std(axis=0),
        "mfcc_delta_std": deltas(cepstra).std(axis=0),
        "mfcc_correlation": correlation[np.triu_indices(20, 1)],
        "loudness": [loudness.mean(), loudness.std(), *np.percentile(loudness, [5, 25, 50, 75, 95])],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[STATISTICS[name]], values, atol=1e-3, err_msg=name)


def test_beats_are_found() -> None:
    """A click every half second is 120 a minute and two onsets a second."""
    x = np.full((1000, 128), -60.0, np.float32)
    clicks = np.round(np.arange(5, 1000, FRAMES_PER_S / 2)).astype(int)
    x[clicks[clicks < 1000]] = -20.0
    found = statistics(x)
    assert found[STATISTICS["flux"]][2] == pytest.approx(2.0, abs=0.15)
    tempo = found[STATISTICS["tempo"]]
    bins = np.searchsorted(TEMPO_EDGES_BPM, [120.0, 60.0, 80.0]) - 1
    on_beat, half_time, off_beat = tempo[bins]
    assert min(on_beat, half_time) > 3 * off_beat
    modulation = found[STATISTICS["modulation"]].reshape(6, 5)
    slow = (
        np.full((1000, 128), -40.0, np.float32) + 10 * np.sin(2 * np.pi * 0.7 * np.arange(1000) / FRAMES_PER_S)[:, None]
    )
    slow_modulation = statistics(slow.astype(np.float32))[STATISTICS["modulation"]].reshape(6, 5)
    assert (np.argmax(slow_modulation, axis=1) == 0).all()  # 0.5-1 Hz
    assert (np.argmax(modulation, axis=1) > 0).all()


def test_gain_moves_levels_only() -> None:
    before, after = statistics(frames()), statistics(frames() + np.float32(6.0))
    moved = np.flatnonzero(np.abs(after - before) > 1e-2)
    level = {*range(128), STATISTICS["mfcc_mean"].start}
    loudness = STATISTICS["loudness"]
    level |= {loudness.start, *range(loudness.start + 2, loudness.stop)}
    assert set(moved.tolist()) == level


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_blocks_make_no_difference(data: st.DataObject) -> None:
    x = frames(data.draw(st.integers(1, 900)))
    ends = sorted(data.draw(st.lists(st.integers(0, len(x)), max_size=4)))
    np.testing.assert_allclose(statistics_of_blocks(np.split(x, ends)), statistics(x), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("value", [-90.0, 0.0, 62.4])
@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 44, 600])
def test_always_finite(value: float, n: int) -> None:
    found = statistics(np.full((n, 128), value, np.float32))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
