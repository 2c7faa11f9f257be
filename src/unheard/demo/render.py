"""Render a track: play its score with instruments, drums and effects."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from unheard.arrays import Doubles, Floats
from unheard.demo import effects
from unheard.demo.accompaniment import Strike
from unheard.demo.composer import Composition, compose
from unheard.demo.drums import Kit
from unheard.demo.synth import Samples, Voice
from unheard.demo.world import GeneratedTrack, Part

LEVELS = {"lead": 0.75, "chords": 0.5, "bass": 0.85, "pad": 0.28}
PANS = {"lead": 0.15, "chords": -0.4, "bass": 0.0, "pad": 0.45}  # -1 left .. +1 right


def perform(track: GeneratedTrack) -> Floats:
    """Return the samples of a track, (n, channel) float32 within ±1; the same on every call."""
    rng = np.random.default_rng(track.seed)
    score = compose(track, rng)
    band, sound, rate_hz = track.band, track.sound, track.rate_hz
    n = round(track.seconds * rate_hz)
    parts = {
        "lead": _play(track, band.lead, score.lead, n, rng),
        "chords": _play(track, band.chords, score.chords, n, rng),
        "bass": _play(track, band.bass, score.bass, n, rng),
        "pad": _play(track, band.pad, score.pad, n, rng),
    }
    if sound.drive > 0.1:
        parts["chords"] = effects.distort(parts["chords"], drive=sound.drive, rate_hz=rate_hz)
        parts["lead"] = effects.distort(parts["lead"], drive=0.6 * sound.drive, rate_hz=rate_hz)
    if band.pad:
        parts["pad"] = effects.chorus(parts["pad"], rate_hz=rate_hz)
    if band.pump:
        kicks = np.arange(score.beats) * 60.0 / sound.tempo_bpm
        gain = effects.duck(n, kicks, rate_hz=rate_hz, depth=band.pump)
        parts = {name: part * gain for name, part in parts.items()}
    mix = np.zeros((track.channels, n))
    for name, part in parts.items():
        mix += LEVELS[name] * _panned(_balanced(part), PANS[name], track.channels)
    mix = effects.low_pass(mix, cutoff_hz=1_100.0 * 2.0 ** (3.4 * sound.brightness), rate_hz=rate_hz)
    mix += 0.7 * sound.drums * _panned(_drums(track, score, n, rng), 0.0, track.channels)
    if band.bed:
        mix += 0.12 * _panned(band.bed(n, rate_hz=rate_hz, rng=rng), 0.0, track.channels)
    mix = effects.reverb(mix, rate_hz=rate_hz, seconds=0.3 + 2.6 * sound.room**2, amount=0.55 * sound.room, rng=rng)
    mix = effects.to_level(effects.no_dc(mix, rate_hz=rate_hz), rms_db=-27.0 + 13.0 * sound.energy)
    out_s = min(1.2, 0.2 * track.seconds)
    return effects.fade(mix, rate_hz=rate_hz, in_s=0.02, out_s=out_s).T.astype(np.float32)


def swung(beats: Doubles, *, swing: float, unit: float) -> Doubles:
    """Return beat times with the second half of every `unit` delayed: `swing` 0 is even, 1 is triplets (2 : 1)."""
    whole, part = np.divmod(beats / unit, 1.0)
    middle = 0.5 + swing / 6.0
    bent = np.where(part < 0.5, 2.0 * part * middle, middle + (2.0 * part - 1.0) * (1.0 - middle))
    return np.asarray((whole + bent) * unit)


def _seconds(track: GeneratedTrack, beats: Iterable[float], rng: np.random.Generator) -> Doubles:
    at = swung(np.fromiter(beats, np.float64), swing=track.sound.swing, unit=track.band.swing_unit)
    at = at * 60.0 / track.sound.tempo_bpm + track.band.human_s * rng.standard_normal(len(at))
    return np.maximum(at, 0.0)


def _play(
    track: GeneratedTrack, part: Part | None, strikes: tuple[Strike, ...], n: int, rng: np.random.Generator
) -> Samples:
    """Return one part (n,). Notes of the same pitch and length are synthesised once and reused."""
    out = np.zeros(n)
    if part is None or not strikes:
        return out
    voice = Voice(track.rate_hz, track.sound.brightness, part.character)
    made: dict[tuple[int, float], Samples] = {}
    beat_s = 60.0 / track.sound.tempo_bpm
    for strike, at_s in zip(strikes, _seconds(track, (s.beat for s in strikes), rng), strict=True):
        start = int(at_s * track.rate_hz)
        if start >= n:
            continue
        seconds = max(round(strike.beats * beat_s, 3), 0.05)
        key = (strike.midi, seconds)
        if key not in made:
            made[key] = part.instrument(440.0 * 2.0 ** ((strike.midi - 69) / 12.0), seconds, voice, rng)
        note = made[key]
        stop = min(start + len(note), n)
        out[start:stop] += strike.velocity * note[: stop - start]
    return out


def _drums(track: GeneratedTrack, score: Composition, n: int, rng: np.random.Generator) -> Samples:
    band = track.band
    kit = Kit(track.rate_hz, band.drum_pitch, band.drum_length, track.sound.brightness)
    strokes = [drum(kit, rng) for drum, _ in band.groove.lines]
    out = np.zeros(n)
    for hit, at_s in zip(score.hits, _seconds(track, (h.beat for h in score.hits), rng), strict=True):
        stroke, start = strokes[hit.line], int(at_s * track.rate_hz)
        if start < n:
            stop = min(start + len(stroke), n)
            out[start:stop] += hit.velocity * stroke[: stop - start]
    return out


def _balanced(part: Samples) -> Samples:
    """Scale a part to RMS 0.1 where it is not silent, so that no instrument dominates."""
    loud = np.abs(part) > 1e-4
    return np.asarray(part * (0.1 / np.sqrt(np.mean(part[loud] ** 2)))) if loud.any() else part


def _panned(part: Samples, pan: float, channels: int) -> Samples:
    """Return the part on all channels, (channels, n), with equal power."""
    if channels == 1:
        return part[None, :]
    angle = (pan + 1.0) * np.pi / 4.0
    return np.asarray(np.stack([np.cos(angle) * part, np.sin(angle) * part]) * np.sqrt(2.0))
