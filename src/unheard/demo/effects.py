"""Apply effects to whole tracks: reverb, chorus, distortion, limiter, beds of noise. Signals are (channel, n)."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, oaconvolve, resample_poly, sosfilt

from unheard.demo.synth import Samples


def reverb(dry: Samples, *, rate_hz: int, seconds: float, amount: float, rng: np.random.Generator) -> Samples:
    """Convolve each channel of (channel, n) with its own decaying noise; the length does not change."""
    n = int(seconds * rate_hz)
    t = np.arange(n) / rate_hz
    room = rng.standard_normal((len(dry), n)) * np.exp(-6.9 * t / seconds)  # -60 dB at the end
    room[:, : int(0.012 * rate_hz)] *= 0.1
    room = sosfilt(butter(1, [150.0, 4_500.0], "bandpass", fs=rate_hz, output="sos"), room, axis=-1)
    room /= np.sqrt((room**2).sum(axis=-1, keepdims=True))
    wet = oaconvolve(dry, room, axes=-1)[:, : dry.shape[-1]]
    return np.asarray(dry * (1.0 - 0.4 * amount) + amount * wet)


def chorus(dry: Samples, *, rate_hz: int, depth_s: float = 0.003, lfo_hz: float = 0.7) -> Samples:
    """Add a copy (n,) whose delay oscillates slowly."""
    n = np.arange(dry.shape[-1])
    delay = rate_hz * (0.012 + depth_s * np.sin(2 * np.pi * lfo_hz * n / rate_hz))
    copy = np.interp(n - delay, n, dry, left=0.0)
    return np.asarray(0.65 * dry + 0.5 * copy)


def distort(dry: Samples, *, drive: float, rate_hz: int) -> Samples:
    """Overdrive (n,) by tanh at twice the rate, against aliasing, then filter as a loudspeaker; `drive` is 0..1."""
    level = max(float(np.abs(dry).max()), 1e-9)
    pushed = np.tanh((1.0 + 24.0 * drive**2) * resample_poly(dry / level, 2, 1))
    wet = resample_poly(pushed, 1, 2)[: dry.shape[-1]]
    speaker = butter(2, [70.0, 5_200.0 - 1_500.0 * drive], "bandpass", fs=rate_hz, output="sos")
    return np.asarray(sosfilt(speaker, wet) * level * (1.0 - 0.35 * drive))


def low_pass(dry: Samples, *, cutoff_hz: float, rate_hz: int) -> Samples:
    """Apply a first-order low-pass along the last axis; a cut-off near the Nyquist frequency changes nothing."""
    if cutoff_hz >= 0.45 * rate_hz:
        return dry
    return np.asarray(sosfilt(butter(1, cutoff_hz, fs=rate_hz, output="sos"), dry, axis=-1))


def no_dc(dry: Samples, *, rate_hz: int) -> Samples:
    """Apply a high-pass at 28 Hz."""
    return np.asarray(sosfilt(butter(2, 28.0, "highpass", fs=rate_hz, output="sos"), dry, axis=-1))


def to_level(dry: Samples, *, rms_db: float, ceiling: float = 0.88) -> Samples:
    """Scale the mix to `rms_db` (dB of full scale) and limit samples above 70 % of `ceiling` softly below it."""
    loud = dry * (10.0 ** (rms_db / 20.0) / max(float(np.sqrt(np.mean(dry**2))), 1e-9))
    knee = 0.7 * ceiling
    high = np.abs(loud) > knee
    over = (np.abs(loud[high]) - knee) / (ceiling - knee)
    loud[high] = np.sign(loud[high]) * (knee + (ceiling - knee) * np.tanh(over))
    return np.asarray(loud)


def fade(dry: Samples, *, rate_hz: int, in_s: float, out_s: float) -> Samples:
    """Fade in the first `in_s` seconds and fade out the last `out_s`."""
    faded = dry.copy()
    first, last = int(in_s * rate_hz), int(out_s * rate_hz)
    faded[..., :first] *= np.sin(np.linspace(0.0, 0.5 * np.pi, first)) ** 2
    faded[..., -last:] *= np.cos(np.linspace(0.0, 0.5 * np.pi, last)) ** 2
    return faded


def duck(n: int, beats_s: Samples, *, rate_hz: int, depth: float) -> Samples:
    """Return a gain (n,) that dips at every kick, as the side-chain compressor of house music."""
    gain = np.ones(n)
    dip = 1.0 - depth * np.exp(-np.arange(int(0.3 * rate_hz)) / (0.1 * rate_hz))
    for at in (beats_s[beats_s * rate_hz < n] * rate_hz).astype(int):
        stop = min(at + len(dip), n)
        gain[at:stop] = np.minimum(gain[at:stop], dip[: stop - at])
    return gain


def dust(n: int, *, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Return the crackle and hiss of an old record, (n,)."""
    ticks = np.where(rng.random(n) < 14.0 / rate_hz, rng.standard_normal(n), 0.0)
    shape = butter(1, [900.0, 5_000.0], "bandpass", fs=rate_hz, output="sos")
    return np.asarray(sosfilt(shape, ticks) + 0.006 * rng.standard_normal(n))


def wind(n: int, *, rate_hz: int, rng: np.random.Generator) -> Samples:
    """Return low noise whose level rises and falls slowly, (n,)."""
    t = np.arange(n) / rate_hz
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.05, 0.12) * t + rng.uniform(0, 6.28))
    shape = butter(2, [80.0, rng.uniform(350.0, 900.0)], "bandpass", fs=rate_hz, output="sos")
    return np.asarray(0.35 * sosfilt(shape, rng.standard_normal(n)) * swell)
