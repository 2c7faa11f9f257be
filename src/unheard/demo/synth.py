"""Synthesise the notes of instruments. Pure NumPy, no recordings.

Harmonic instruments read one band-limited period (a wavetable made by an inverse FFT of its harmonics), so they cost
one table look-up a sample and do not alias. Plucked strings follow Karplus and Strong (1983) with the tuning of Jaffe
and Smith (1983); bells and the electric piano are two-operator FM (Chowning 1973).

Every instrument is a function `(freq_hz, seconds, voice, rng) -> (n,) samples`, peaking near 1, with its own attack and
release; the release follows after `seconds`, so the result is longer than that.
"""

# ruff: noqa: ARG001 - all instruments have the same signature
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

TABLE = 4096  # samples in one stored period
TOP_HZ = 9_500.0  # no harmonic above, whatever the sample rate: a 44.1 kHz file must not reveal its band


@dataclass(frozen=True)
class Voice:
    """A band's way of playing an instrument: `brightness` and `character` are 0..1."""

    rate_hz: int
    brightness: float
    character: float

    @property
    def cutoff_hz(self) -> float:
        return float(350.0 * 2.0 ** (4.6 * self.brightness))


Instrument = Callable[[float, float, Voice, np.random.Generator], Samples]


# ---------------------------------------------------------------------------------------------------- tools


def wavetable(amplitudes: Samples) -> Samples:
    """Return one period, (TABLE + 1,), of sines with these amplitudes (H,) for harmonics 1..H; peak 1."""
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    spectrum[1 : len(amplitudes) + 1] = -0.5j * TABLE * amplitudes
    period = np.fft.irfft(spectrum)
    period /= max(float(np.abs(period).max()), 1e-9)
    return np.append(period, period[0])


def read_table(table: Samples, phase: Samples) -> Samples:
    """Return the table at `phase` (n,), in periods, with linear interpolation."""
    position = (phase - np.floor(phase)) * TABLE
    index = position.astype(np.int32)
    left = table[index]
    return left + (position - index) * (table[index + 1] - left)


def harmonics(freq_hz: float, voice: Voice) -> Samples:
    """Return the numbers 1..H of the harmonics below the limit, at least one."""
    top = min(TOP_HZ, 0.45 * voice.rate_hz)
    return np.arange(1.0, max(int(top / freq_hz), 1) + 1.0)


def darken(h: Samples, freq_hz: float, cutoff_hz: float) -> Samples:
    """Return the gain of a soft low-pass at each harmonic."""
    return 1.0 / (1.0 + (h * freq_hz / cutoff_hz) ** 2)


def seconds_axis(seconds: float, voice: Voice) -> Samples:
    return np.arange(max(int(seconds * voice.rate_hz), 2)) / voice.rate_hz


def held(t: Samples, seconds: float, *, attack_s: float, release_s: float) -> Samples:
    """Return the envelope of a note that is held for `seconds` and then released; it ends at zero."""
    rise = np.clip(t / attack_s, 0.0, 1.0)
    fall = np.clip(1.0 - (t - seconds) / release_s, 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * rise) ** 2 * fall * fall)


def struck(t: Samples, seconds: float, *, decay_s: float, damp_s: float = 0.06) -> Samples:
    """Return the envelope of a note that is struck, decays and is damped after `seconds`; it ends at zero."""
    fall = np.clip(1.0 - (t - seconds) / damp_s, 0.0, 1.0)
    return np.asarray(np.minimum(t / 0.002, 1.0) * np.exp(-t / decay_s) * fall)


def vibrato(freq_hz: float, t: Samples, *, cents: float, rate_hz: float, start: float = 0.0) -> Samples:
    """Return the phase, in periods, of a tone whose pitch oscillates by `cents`, rising to that over 0.4 s."""
    swing_hz = freq_hz * (2.0 ** (cents / 1200.0) - 1.0) * np.minimum(t / 0.4, 1.0)
    return np.asarray(start + freq_hz * t - swing_hz / (2 * np.pi * rate_hz) * np.cos(2 * np.pi * rate_hz * t))


# ---------------------------------------------------------------------------------------------- instruments


def plucked(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A plucked string: noise in a loop of one period with a low-pass (Karplus-Strong)."""
    period = voice.rate_hz / freq_hz
    n, fraction = int(period), period - int(period)
    damping = 0.5 * (1.0 - voice.brightness) + 0.04
    low_pass = np.array([damping / 2, 1.0 - damping, damping / 2])
    ring_s = 1.6 + 2.2 * voice.character
    gain = 10.0 ** (-3.0 / (freq_hz * ring_s))
    taps = gain * np.convolve(low_pass, [1.0 - fraction, fraction])  # delays n-1 .. n+2
    t = seconds_axis(seconds + 0.25, voice)
    burst = rng.uniform(-1.0, 1.0, n)
    width = 1 + int(4 * (1.0 - voice.brightness))
    burst = np.convolve(np.tile(burst, 3), np.ones(width) / width, "same")[n : 2 * n]
    burst -= np.roll(burst, max(int(n * (0.12 + 0.25 * voice.character)), 1))
    pad = n + 2
    y = np.zeros(pad + len(t))
    head = min(n, len(t))
    y[pad : pad + head] = burst[:head] - burst.mean()
    step = n - 1
    for start in range(pad + n, len(y), step):
        size = min(step, len(y) - start)
        y[start : start + size] += np.convolve(y[start - n - 2 : start - n + 1 + size], taps, "valid")
    note = y[pad:] * struck(t, seconds, decay_s=ring_s, damp_s=0.2)
    return np.asarray(note / max(float(np.abs(note).max()), 1e-9))


def nylon(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A softer plucked string with a body: the first harmonics of a box added."""
    string = plucked(freq_hz, seconds, Voice(voice.rate_hz, 0.55 * voice.brightness, voice.character), rng)
    t = np.arange(len(string)) / voice.rate_hz
    body = np.sin(2 * np.pi * freq_hz * t) * struck(t, seconds, decay_s=0.5, damp_s=0.2)
    return np.asarray(0.7 * string + 0.3 * body)


def clav(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A short, biting string, as on a clavinet."""
    return plucked(freq_hz, min(seconds, 0.16), Voice(voice.rate_hz, 0.75 + 0.25 * voice.brightness, 0.1), rng)


def organ(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A pipe or drawbar organ: a few chosen harmonics, held; `character` opens the upper ranks."""
    t = seconds_axis(seconds + 0.25, voice)
    h = harmonics(freq_hz, voice)
    ranks = np.zeros_like(h)
    for number, level in (
        (1, 1.0),
        (2, 0.7),
        (3, 0.3 + 0.3 * voice.character),
        (4, 0.45),
        (6, 0.2),
        (8, 0.3),
        (12, 0.1),
    ):
        if number <= len(h):
            ranks[number - 1] = level * (1.0 if number < 4 else 0.3 + voice.brightness)
    table = wavetable(ranks)
    tone = read_table(table, freq_hz * t) + 0.5 * read_table(table, freq_hz * 1.003 * t + rng.random())
    return np.asarray(0.67 * tone * held(t, seconds, attack_s=0.05, release_s=0.22))


def choir(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """Voices on a vowel: a pulse-like spectrum with three formants, three slightly detuned singers."""
    t = seconds_axis(seconds + 0.5, voice)
    h = harmonics(freq_hz, voice)
    open_mouth = 0.3 + 0.7 * voice.character
    shape = np.full_like(h, 0.03)
    for centre_hz, width_hz, level in ((330 + 420 * open_mouth, 130.0, 1.0), (850 + 350 * open_mouth, 160.0, 0.6),
                                       (2600.0, 260.0, 0.1 + 0.35 * voice.brightness)):  # fmt: skip
        shape += level * np.exp(-0.5 * ((h * freq_hz - centre_hz) / width_hz) ** 2)
    shape[0] += 0.25
    table = wavetable(shape / np.sqrt(h))
    singers = [(2.0 ** (cents / 1200.0), rng.uniform(4.6, 5.8), rng.random()) for cents in (-9.0, 0.0, 8.0)]
    tone = sum(
        (
            read_table(table, vibrato(freq_hz * off, t, cents=18.0, rate_hz=lfo, start=start))
            for off, lfo, start in singers
        ),
        start=np.zeros_like(t),
    )
    return np.asarray(0.42 * tone * held(t, seconds, attack_s=0.22, release_s=0.45))


def strings(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """Bowed strings: detuned saws with slow attack and vibrato."""
    t = seconds_axis(seconds + 0.6, voice)
    h = harmonics(freq_hz, voice)
    table = wavetable(darken(h, freq_hz, 1.6 * voice.cutoff_hz) / h)
    spread = 4.0 + 8.0 * voice.character
    tone = sum(
        (
            read_table(table, vibrato(freq_hz * 2.0 ** (cents / 1200.0), t, cents=9.0, rate_hz=lfo, start=rng.random()))
            for cents, lfo in ((-spread, 4.9), (0.0, 5.3), (spread, 5.8))
        ),
        start=np.zeros_like(t),
    )
    return np.asarray(0.45 * tone * held(t, seconds, attack_s=0.28, release_s=0.55))


def drone(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A dark pad whose filter opens and closes slowly."""
    t = seconds_axis(seconds + 1.2, voice)
    h = harmonics(freq_hz, voice)
    dark = wavetable(darken(h, freq_hz, 0.5 * voice.cutoff_hz) / h)
    light = wavetable(darken(h, freq_hz, 1.8 * voice.cutoff_hz) / h)
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * (0.12 + 0.1 * voice.character) * t + rng.uniform(0, 6.28))
    tone = np.zeros_like(t)
    for cents in (-7.0, 6.0):
        phase = freq_hz * 2.0 ** (cents / 1200.0) * t + rng.random()
        tone += (1.0 - breath) * read_table(dark, phase) + breath * read_table(light, phase)
    return np.asarray(0.5 * tone * held(t, seconds, attack_s=0.8, release_s=1.1))


def flute(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """A flute or whistle: few harmonics, breath noise, vibrato."""
    t = seconds_axis(seconds + 0.12, voice)
    h = harmonics(freq_hz, voice)
    table = wavetable(np.exp(-(h - 1.0) * (1.7 - voice.brightness)))
    tone = read_table(table, vibrato(freq_hz, t, cents=14.0, rate_hz=5.1))
    breath = rng.standard_normal(len(t))
    breath = np.convolve(breath, np.ones(4) / 4, "same")
    tone += (0.03 + 0.05 * voice.character) * breath
    return np.asarray(0.85 * tone * held(t, seconds, attack_s=0.06, release_s=0.11))


def pulse(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """The pulse wave of an old game console; `character` chooses one of its three widths."""
    t = seconds_axis(seconds + 0.02, voice)
    h = harmonics(freq_hz, voice)
    width = (0.5, 0.25, 0.125)[min(int(voice.character * 3), 2)]
    table = wavetable(
        np.abs(np.sin(np.pi * h * width)) / h * np.exp(-h * freq_hz / (9_000.0 + 9_000.0 * voice.brightness))
    )
    tone = read_table(table, vibrato(freq_hz, t, cents=10.0, rate_hz=6.5))
    return np.asarray(0.7 * tone * held(t, seconds, attack_s=0.003, release_s=0.018) * (0.6 + 0.4 * np.exp(-t / 0.12)))


def triangle(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """The triangle wave of the same console, used for the bass."""
    t = seconds_axis(seconds + 0.02, voice)
    h = harmonics(freq_hz, voice)
    table = wavetable(np.where(h % 2 == 1, 1.0 / h**2, 0.0) * np.where(h % 4 == 1, 1.0, -1.0))
    return np.asarray(read_table(table, freq_hz * t) * held(t, seconds, attack_s=0.003, release_s=0.018))


def bell(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """FM bell or mallet: inharmonic when `character` is high, wooden when it is low."""
    ring_s = 0.35 + 1.5 * voice.character
    t = seconds_axis(max(seconds, 0.3) + ring_s, voice)
    ratio = 3.0 + 0.5 * round(voice.character * 2.0)  # 3, 3.5 or 4
    room = np.clip(0.45 * voice.rate_hz / (freq_hz * (1.0 + 2.0 * ratio)), 0.1, 1.0)  # side bands stay below Nyquist
    depth = (0.4 + 1.6 * voice.brightness) * room * np.exp(-t / (0.3 * ring_s))
    tone = np.sin(2 * np.pi * freq_hz * t + depth * np.sin(2 * np.pi * ratio * freq_hz * t))
    return np.asarray(tone * struck(t, max(seconds, 0.3), decay_s=0.45 * ring_s, damp_s=ring_s))


def electric_piano(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """FM electric piano: a warm tone bar and the short ping of the tine."""
    t = seconds_axis(seconds + 0.25, voice)
    warmth = (0.3 + 1.1 * voice.brightness) * np.exp(-t / 0.6)
    bar = np.sin(2 * np.pi * freq_hz * t + warmth * np.sin(2 * np.pi * freq_hz * t))
    tine_hz = min(14.0 * freq_hz, 0.4 * voice.rate_hz)
    tine = np.sin(2 * np.pi * tine_hz * t) * np.exp(-t / 0.05) * (0.03 + 0.1 * voice.brightness)
    tremolo = 1.0 - 0.25 * voice.character * (0.5 + 0.5 * np.sin(2 * np.pi * 4.2 * t))
    return np.asarray(0.85 * (bar + tine) * tremolo * struck(t, seconds, decay_s=1.3, damp_s=0.22))


def saw_stab(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """Subtractive synthesiser: detuned saws whose filter closes after the attack."""
    t = seconds_axis(seconds + 0.12, voice)
    h = harmonics(freq_hz, voice)
    bright = wavetable(darken(h, freq_hz, 3.0 * voice.cutoff_hz) / h)
    dark = wavetable(darken(h, freq_hz, 0.5 * voice.cutoff_hz) / h)
    closing = np.exp(-t / (0.08 + 0.25 * voice.character))
    tone = np.zeros_like(t)
    for cents in (-10.0, 0.0, 11.0):
        phase = freq_hz * 2.0 ** (cents / 1200.0) * t + rng.random()
        tone += closing * read_table(bright, phase) + (1.0 - closing) * read_table(dark, phase)
    return np.asarray(0.45 * tone * held(t, seconds, attack_s=0.006, release_s=0.1))


def synth_bass(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """Subtractive bass: a saw closing to its fundamental, with a sine below it."""
    t = seconds_axis(seconds + 0.04, voice)
    h = harmonics(freq_hz, voice)
    bright = wavetable(darken(h, freq_hz, 0.8 * voice.cutoff_hz) / h)
    closing = np.exp(-t / (0.06 + 0.2 * voice.character))
    tone = 0.8 * closing * read_table(bright, freq_hz * t) + 0.7 * np.sin(2 * np.pi * freq_hz * t)
    return np.asarray(0.75 * tone * held(t, seconds, attack_s=0.005, release_s=0.035))


def string_bass(freq_hz: float, seconds: float, voice: Voice, rng: np.random.Generator) -> Samples:
    """Upright or fingered bass: a dark plucked string over a decaying sine."""
    string = plucked(freq_hz, seconds, Voice(voice.rate_hz, 0.5 * voice.brightness, 0.3), rng)
    t = np.arange(len(string)) / voice.rate_hz
    return np.asarray(
        0.4 * string + 0.6 * np.sin(2 * np.pi * freq_hz * t) * struck(t, seconds, decay_s=0.7, damp_s=0.12)
    )
