"""Synthesise drums from falling sines and decaying noise. Each drum is a function `(kit, rng) -> (n,) samples`."""

# ruff: noqa: ARG001 - every drum is called in the same way
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt

from unheard.demo.synth import Samples


@dataclass(frozen=True)
class Kit:
    """The tuning of a band's drums: `pitch` and `length` are factors near 1, `brightness` is 0..1."""

    rate_hz: int
    pitch: float
    length: float
    brightness: float


Drum = Callable[[Kit, np.random.Generator], Samples]


def _axis(kit: Kit, seconds: float) -> Samples:
    return np.arange(int(seconds * kit.length * kit.rate_hz)) / kit.rate_hz


def _close(samples: Samples, kit: Kit) -> Samples:
    """Fade the last 10 ms, so that no drum ends in a click."""
    n = min(int(0.01 * kit.rate_hz), len(samples))
    samples[len(samples) - n :] *= np.linspace(1.0, 0.0, n)
    return samples


def _noise(kit: Kit, t: Samples, rng: np.random.Generator, *, low_hz: float, high_hz: float) -> Samples:
    high_hz = min(high_hz, 9_500.0, 0.45 * kit.rate_hz)
    band = butter(2, [low_hz, high_hz], "bandpass", fs=kit.rate_hz, output="sos")
    noise = sosfilt(band, rng.standard_normal(len(t)))
    return np.asarray(noise / max(float(np.abs(noise).max()), 1e-9))


def kick(kit: Kit, rng: np.random.Generator) -> Samples:
    """A sine falling from some 150 Hz to some 50 Hz, with a click."""
    t = _axis(kit, 0.32)
    low_hz, fall_s = 48.0 * kit.pitch, 0.03
    cycles = low_hz * t + (140.0 * kit.pitch) * fall_s * (1.0 - np.exp(-t / fall_s))
    click = _noise(kit, t, rng, low_hz=800.0, high_hz=4_000.0) * np.exp(-t / 0.004) * (0.1 + 0.4 * kit.brightness)
    return _close(np.sin(2 * np.pi * cycles) * np.exp(-t / (0.12 * kit.length)) + click, kit)


def snare(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.25)
    skin = np.sin(2 * np.pi * 185.0 * kit.pitch * t) * np.exp(-t / 0.05)
    wires = _noise(kit, t, rng, low_hz=900.0, high_hz=4_500.0 + 5_000.0 * kit.brightness)
    return _close(0.5 * skin + 0.8 * wires * np.exp(-t / (0.07 * kit.length)), kit)


def clap(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.28)
    hands = sum((np.exp(-np.maximum(t - at, 0.0) / 0.012) * (t >= at) for at in (0.0, 0.011, 0.022)), np.zeros_like(t))
    tail = np.exp(-t / (0.08 * kit.length))
    return _close(_noise(kit, t, rng, low_hz=900.0, high_hz=3_800.0) * (0.4 * hands + 0.5 * tail), kit)


def rim(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.08)
    wood = np.sin(2 * np.pi * 1_650.0 * kit.pitch * t) + 0.6 * np.sin(2 * np.pi * 480.0 * kit.pitch * t)
    return _close(0.6 * wood * np.exp(-t / 0.014), kit)


def closed_hat(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.08)
    low_hz = 4_000.0 + 2_500.0 * kit.brightness
    return _close(0.55 * _noise(kit, t, rng, low_hz=low_hz, high_hz=9_500.0) * np.exp(-t / 0.018), kit)


def open_hat(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.35)
    low_hz = 4_000.0 + 2_000.0 * kit.brightness
    return _close(0.5 * _noise(kit, t, rng, low_hz=low_hz, high_hz=9_500.0) * np.exp(-t / 0.1), kit)


def ride(kit: Kit, rng: np.random.Generator) -> Samples:
    """A cymbal: a cluster of inharmonic partials and a little noise."""
    t = _axis(kit, 0.6)
    partials = 2_200.0 * kit.pitch * np.cumprod([1.0, 1.17, 1.09, 1.21, 1.13, 1.19, 1.11, 1.16, 1.1])
    metal = np.sin(2 * np.pi * partials[:, None] * t + rng.uniform(0, 6.28, (len(partials), 1))).mean(axis=0)
    wash = _noise(kit, t, rng, low_hz=3_000.0, high_hz=9_000.0)
    ring = 0.3 * np.exp(-t / 0.16) + 0.7 * np.exp(-t / 0.03)
    return _close((0.6 * metal + 0.5 * wash) * ring, kit)


def shaker(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.1)
    grains = _noise(kit, t, rng, low_hz=3_000.0, high_hz=8_000.0)
    return _close(0.45 * grains * np.minimum(t / 0.02, 1.0) * np.exp(-t / 0.03), kit)


def tom(kit: Kit, rng: np.random.Generator) -> Samples:
    t = _axis(kit, 0.4)
    cycles = 88.0 * kit.pitch * t + 40.0 * kit.pitch * 0.05 * (1.0 - np.exp(-t / 0.05))
    return _close(0.8 * np.sin(2 * np.pi * cycles) * np.exp(-t / 0.15), kit)


def chip_noise(kit: Kit, rng: np.random.Generator) -> Samples:
    """The noise channel of an old game console: white noise held for a few samples each."""
    t = _axis(kit, 0.12)
    hold = max(int(kit.rate_hz / 11_025), 1)
    steps = np.repeat(np.sign(rng.standard_normal(len(t) // hold + 1)), hold)[: len(t)]
    return _close(0.45 * steps * np.exp(-t / 0.035), kit)
