"""Measure the loudness and true peak of a signal: ITU-R BS.1770-5, annexes 1 and 2.

K-weighting      a shelf that models the head, then a high-pass; tables 1 and 2 give both filters at 48 kHz
loudness         -0.691 + 10 log10 of the channels' summed mean squares, in LUFS (left, right, centre: weight 1)
gates            blocks of 400 ms that overlap by 75 %; the mean of blocks above -70 LUFS, then the mean of blocks at
                 most 10 LU below that
true peak        the highest sample after oversampling four times, in dBTP
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Reals

SAMPLE_RATE_HZ = 48_000  # the rate of the standard's tables
SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
OFFSET_DB = -0.691
BLOCK_SAMPLES, STEP_SAMPLES = 19_200, 4_800  # 400 ms, 100 ms
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
OVERSAMPLING = 4

Signal = NDArray[np.floating]  # (sample,) or (channel, sample)


def integrated_lufs(signal: Signal) -> float:
    """Return the gated loudness at 48 kHz; -inf for less than 400 ms, or if every block is gated."""
    weighted = k_weighted(np.atleast_2d(signal))
    n_blocks = (weighted.shape[1] - BLOCK_SAMPLES) // STEP_SAMPLES + 1
    if n_blocks < 1:
        return -math.inf
    energy = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=0))])
    starts = np.arange(n_blocks) * STEP_SAMPLES
    power = (energy[starts + BLOCK_SAMPLES] - energy[starts]) / BLOCK_SAMPLES  # (block,)
    loud = power[_lufs(power) > ABSOLUTE_GATE_LUFS]
    if not len(loud):
        return -math.inf
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE_LU]
    return float(_lufs(loud.mean()))


def k_weighted(signal: Signal) -> Doubles:
    """Return the K-weighted signal, same shape; filters start from silence."""
    from scipy.signal import lfilter

    shelved = lfilter(*SHELF, signal.astype(np.float64), axis=-1)
    return np.asarray(lfilter(*HIGH_PASS, shelved, axis=-1))


def true_peak_db(signal: Signal) -> float:
    """Return the peak, including peaks between samples, in dB of full scale; -inf for silence."""
    from scipy.signal import resample_poly

    peak = float(np.abs(resample_poly(signal.astype(np.float64), OVERSAMPLING, 1, axis=-1)).max(initial=0.0))
    return 20 * math.log10(peak) if peak > 0 else -math.inf


def _lufs(power: Reals | np.floating) -> Doubles:
    with np.errstate(divide="ignore"):
        return np.asarray(OFFSET_DB + 10 * np.log10(power), np.float64)
