"""Accompaniment figures: the notes of the chords and of the bass in one bar of harmony.

A figure is a function `(harmony, beats, density, rng) -> strikes` of one bar. It is called with an equal `rng` for
every bar of a section, so the rhythm repeats while the harmony changes.
"""

# ruff: noqa: ARG001 - all figures have the same signature
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle

import numpy as np


@dataclass(frozen=True)
class Harmony:
    """One bar's chord: `voices` in the middle register, `root`, `fifth` and the next bar's root in the bass (MIDI)."""

    voices: tuple[int, ...]
    root: int
    fifth: int
    next_root: int


@dataclass(frozen=True)
class Strike:
    """One note: start and length in beats (of the bar or of the piece), pitch (MIDI) and velocity (0..1)."""

    beat: float
    beats: float
    midi: int
    velocity: float


Figure = Callable[[Harmony, float, float, np.random.Generator], list[Strike]]


def _together(harmony: Harmony, hits: list[tuple[float, float, float]]) -> list[Strike]:
    return [Strike(beat, length, midi, force) for beat, length, force in hits for midi in harmony.voices]


# --------------------------------------------------------------------------------------------------- chords


def sustained(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """The chord is held for the bar, or struck twice when the music is dense."""
    if density > 0.5:
        return _together(harmony, [(0.0, beats / 2, 0.8), (beats / 2, beats / 2, 0.7)])
    return _together(harmony, [(0.0, beats, 0.8)])


def arpeggio(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Up and down through two octaves; the speed depends on `density`."""
    step = 0.25 if density > 0.6 else 0.5
    up = [*harmony.voices, *(voice + 12 for voice in harmony.voices)]
    path = cycle([*up, *up[-2:0:-1]] if rng.random() < 0.5 else up)
    return [
        Strike(slot * step, step * 0.95, next(path), 0.8 if slot % 4 == 0 else 0.6) for slot in range(int(beats / step))
    ]


def fingerpicked(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """A bass note on the first beat, chord notes between, all ringing to the end of the bar."""
    strikes = [Strike(0.0, beats, harmony.voices[0] - 12, 0.8)]
    for slot in range(1, int(beats * 2)):
        if rng.random() < 0.55 + 0.45 * density:
            voice = harmony.voices[int(rng.integers(len(harmony.voices)))]
            strikes.append(Strike(slot / 2, min(1.5, beats - slot / 2), voice, rng.uniform(0.45, 0.75)))
    return strikes


def waltz(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """A rest on the first beat (the bass plays it), the chord on the others."""
    return _together(harmony, [(float(beat), 0.8, 0.65) for beat in range(1, int(beats))])


def offbeats(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """A short chord after every beat."""
    return _together(harmony, [(beat + 0.5, 0.3, 0.75) for beat in range(int(beats))])


def stabs(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Short chords on a random, syncopated set of sixteenths."""
    drawn = np.flatnonzero(rng.random(int(beats * 4)) < 0.14 + 0.22 * density)
    return _together(harmony, [(step / 4, 0.22, rng.uniform(0.6, 0.9)) for step in sorted({0, *drawn.tolist()})])


def chugging(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Power chords: root, fifth and octave in eighths with random accents."""
    root, fifth = harmony.root + 12, harmony.fifth + 12
    strikes: list[Strike] = []
    for slot in range(int(beats * 2)):
        accent = slot == 0 or rng.random() < 0.3
        if accent or rng.random() < 0.4 + 0.6 * density:
            notes = (root, fifth, root + 12) if accent else (root, fifth)
            strikes += [Strike(slot / 2, 0.48 if accent else 0.3, midi, 0.9 if accent else 0.6) for midi in notes]
    return strikes


def comping(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """A few off-beat chords, as a pianist accompanies a soloist."""
    rhythms = ([(0.0, 0.6), (1.5, 0.9)], [(0.5, 0.4), (2.5, 0.7)], [(1.0, 0.4), (2.5, 0.4), (3.5, 0.5)])
    drawn = rhythms[int(rng.integers(len(rhythms)))]
    return _together(harmony, [(beat, length, 0.7) for beat, length in drawn if beat < beats])


def scratches(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Funk sixteenths: many quiet ghost notes, some accents."""
    force = np.where(rng.random(int(beats * 4)) < 0.35, rng.uniform(0.7, 1.0), 0.3)
    played = rng.random(int(beats * 4)) < 0.35 + 0.5 * density
    return _together(harmony, [(slot / 4, 0.15, float(force[slot])) for slot in np.flatnonzero(played).tolist()])


def cells(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Minimal music: a cell of three, five or seven notes that repeats across the bar line."""
    cell = rng.choice([*harmony.voices, *(voice + 12 for voice in harmony.voices)], int(rng.choice([3, 5, 7])))
    step = 0.25 if density > 0.75 else 0.5
    return [
        Strike(slot * step, step, int(cell[slot % len(cell)]), 0.85 if slot % len(cell) == 0 else 0.55)
        for slot in range(int(beats / step))
    ]


# ----------------------------------------------------------------------------------------------------- bass


def held_root(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    return [Strike(0.0, beats, harmony.root, 0.8)]


def root_and_fifth(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    if beats == 3:
        return [Strike(0.0, 1.6, harmony.root, 0.85)]
    return [Strike(0.0, 1.8, harmony.root, 0.85), Strike(2.0, 1.6, harmony.fifth, 0.7)]


def walking(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """A quarter note on every beat; the last one leads into the next root by a half-tone."""
    middle = rng.choice([harmony.fifth, harmony.root + 12, harmony.root + 2, harmony.root + 5], int(beats) - 2)
    line = [harmony.root, *(int(midi) for midi in middle), harmony.next_root + int(rng.choice([-1, 1]))]
    return [Strike(float(beat), 0.92, midi, 0.8) for beat, midi in enumerate(line)]


def driving(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Eighths on the root."""
    return [Strike(slot / 2, 0.45, harmony.root, 0.85 - 0.15 * (slot % 2)) for slot in range(int(beats * 2))]


def pumping(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """House: a bass note after every kick, some an octave higher."""
    octave = 12 * (rng.random(int(beats)) < 0.3)
    return [Strike(beat + 0.5, 0.4, harmony.root + int(octave[beat]), 0.85) for beat in range(int(beats))]


def slapping(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Funk: a strong first beat, then syncopated octaves and fifths."""
    strikes = [Strike(0.0, 0.6, harmony.root, 1.0)]
    for slot in range(3, int(beats * 4)):
        if rng.random() < 0.16 + 0.3 * density:
            midi = int(rng.choice([harmony.root, harmony.root + 12, harmony.fifth, harmony.root + 10]))
            strikes.append(Strike(slot / 4, 0.22, midi, rng.uniform(0.55, 0.9)))
    return strikes


def lazy(harmony: Harmony, beats: float, density: float, rng: np.random.Generator) -> list[Strike]:
    """Hip hop: a long root, again in the second half, and one pick-up note."""
    line = (
        (0.0, 1.3, harmony.root, 0.85),
        (beats - 1.5, 0.9, harmony.root, 0.75),
        (beats - 0.5, 0.4, harmony.fifth, 0.6),
    )
    return [Strike(beat, length, midi, force) for beat, length, midi, force in line]
