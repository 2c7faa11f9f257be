"""Compose a track: a score of notes and drum hits from the track's sound, scale and band.

A piece has an intro, a verse and a chorus. The harmony is one of the band's progressions, the melody repeats and varies
a motif (A A' A B) that is a random walk on the scale and starts each bar on a chord note, and the accompaniment uses
the band's figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.demo.accompaniment import Harmony, Strike
from unheard.demo.styles import Groove
from unheard.demo.world import GeneratedTrack

MIDDLE = 60  # MIDI, the register of chords
LOW = 36  # MIDI, lowest root of the bass


@dataclass(frozen=True)
class Hit:
    """One drum stroke: which line of the groove, when (beats of the piece), how hard (0..1)."""

    line: int
    beat: float
    velocity: float


@dataclass(frozen=True)
class Composition:
    """A composed piece; times in beats, before swing."""

    lead: tuple[Strike, ...]
    chords: tuple[Strike, ...]
    bass: tuple[Strike, ...]
    pad: tuple[Strike, ...]
    hits: tuple[Hit, ...]
    beats: float


@dataclass(frozen=True)
class SongSection:
    """A section of bars: which parts play, `lift` of the melody in scale steps, `push` 0..1 of the drums."""

    bars: int
    chorus: bool
    lead: bool
    drums: bool
    bass: bool
    lift: int
    push: float


@dataclass(frozen=True)
class MotifNote:
    """One note of a motif: start and length in beats, and scale steps from the previous note."""

    beat: float
    beats: float
    move: int


def compose(track: GeneratedTrack, rng: np.random.Generator) -> Composition:
    """Return the composition of a track, long enough for its `seconds`."""
    beats = track.band.groove.beats
    n_bars = int(np.ceil(track.seconds * track.sound.tempo_bpm / 60.0 / beats))
    writer = _Writer(track, beats, rng)
    for section in form(n_bars, rng):
        writer.write(section)
    return Composition(
        tuple(writer.lead),
        tuple(writer.chords),
        tuple(writer.bass),
        tuple(writer.pad),
        tuple(writer.hits),
        n_bars * beats,
    )


def form(n_bars: int, rng: np.random.Generator) -> list[SongSection]:
    """Return intro, verse and chorus, as far as they fit; together they have `n_bars` bars."""
    intro = min(max(n_bars // 7, 1), 2)
    chorus = max((n_bars - intro) * 2 // 5, 1)
    verse = max(n_bars - intro - chorus, 1)
    lift = int(rng.choice([2, 4]))  # the chorus is a third or a fifth higher
    drums, bass = rng.random(2) < (0.5, 0.7)
    sections = [
        SongSection(intro, chorus=False, lead=False, drums=bool(drums), bass=bool(bass), lift=0, push=0.0),
        SongSection(verse, chorus=False, lead=True, drums=True, bass=True, lift=0, push=0.35),
        SongSection(chorus, chorus=True, lead=True, drums=True, bass=True, lift=lift, push=1.0),
    ]
    return sections[3 - min(n_bars, 3) :]


def degree_to_midi(degree: int, steps: tuple[int, ...], tonic: int) -> int:
    """Return the MIDI note of a scale degree (0 = tonic; may be negative or beyond one octave)."""
    octave, index = divmod(degree, len(steps))
    return tonic + 12 * octave + steps[index]


def voicing(degree: int, size: int, steps: tuple[int, ...], tonic: int, *, centre: float) -> tuple[int, ...]:
    """Return the chord of stacked thirds on `degree`, each note in the octave nearest to `centre` (MIDI), ascending."""
    stacked = (degree_to_midi(degree + 2 * third, steps, tonic) for third in range(size))
    return tuple(sorted({midi + 12 * round((centre - midi) / 12.0) for midi in stacked}))


def motif(beats: int, density: float, rng: np.random.Generator) -> list[MotifNote]:
    """Return a random rhythm on a grid of eighths (sixteenths when dense) that favours strong beats, and a contour."""
    grid = 0.25 if density > 0.8 else 0.5
    times = np.arange(0.0, beats, grid)
    weight = np.where(times % 1.0 == 0.0, 1.4, 0.8) * (0.12 + 0.68 * density)
    onsets = times[(rng.random(len(times)) < weight) | (times == 0.0)]
    lengths = np.diff(np.append(onsets, beats))
    moves = rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3], len(onsets))
    return [MotifNote(float(b), float(n), int(m)) for b, n, m in zip(onsets, lengths, moves, strict=True)]


class _Writer:
    """The state of a piece while its bars are composed."""

    def __init__(self, track: GeneratedTrack, beats: int, rng: np.random.Generator) -> None:
        self.track, self.beats, self.rng = track, beats, rng
        self.lead: list[Strike] = []
        self.chords: list[Strike] = []
        self.bass: list[Strike] = []
        self.pad: list[Strike] = []
        self.hits: list[Hit] = []
        self.bar = 0
        self.motif = motif(beats, track.sound.density, rng)
        band = track.band
        self.tonic = MIDDLE + band.tonic
        self.verse_harmony = band.progressions[0]
        self.chorus_harmony = band.progressions[-1] if rng.random() < 0.7 else band.progressions[0]

    def write(self, section: SongSection) -> None:
        figure_seed = int(self.rng.integers(2**32))  # one rhythm for the section
        walk = int(self.rng.integers(0, 5))
        for bar in range(section.bars):
            progression = self.chorus_harmony if section.chorus else self.verse_harmony
            harmony = self._harmony(progression[bar % len(progression)], progression[(bar + 1) % len(progression)])
            self._accompany(harmony, section, figure_seed)
            if section.lead:
                walk = self._melody(section, bar, walk)
            if section.drums:
                last = bar == section.bars - 1
                self._drum(self.track.band.groove, section, fill=last)
            self.bar += 1

    def _harmony(self, degree: int, following: int) -> Harmony:
        band, steps = self.track.band, self.track.scale.steps
        centre = MIDDLE + 0.6 * self.track.sound.register
        low = LOW + (self.tonic - LOW) % 12
        root = degree_to_midi(degree, steps, low)
        after = degree_to_midi(following, steps, low)
        fold = 12 if root > LOW + 14 else 0
        return Harmony(
            voicing(degree, band.chord_size, steps, self.tonic, centre=centre),
            root - fold,
            degree_to_midi(degree + 4, steps, low) - fold,
            after - (12 if after > LOW + 14 else 0),
        )

    def _accompany(self, harmony: Harmony, section: SongSection, figure_seed: int) -> None:
        band, density = self.track.band, self.track.sound.density
        rhythm = np.random.default_rng(figure_seed)
        self._put(self.chords, band.chord_figure(harmony, self.beats, density, rhythm))
        if section.bass:
            self._put(self.bass, band.bass_figure(harmony, self.beats, density, np.random.default_rng(figure_seed)))
        if band.pad and (section.chorus or not section.lead):
            self._put(self.pad, [Strike(0.0, self.beats, midi, 0.6) for midi in harmony.voices])

    def _melody(self, section: SongSection, bar: int, walk: int) -> int:
        """Compose one bar of melody; return the scale step of its last note."""
        steps = self.track.scale.steps
        octave = 12 * min(round((self.track.sound.register + 8.0) / 12.0), 1)
        melody = self.motif if bar % 4 != 3 else motif(self.beats, 0.8 * self.track.sound.density, self.rng)
        notes: list[Strike] = []
        for index, step in enumerate(melody):
            if self.rng.random() < 0.12:  # a varied repeat
                walk += int(self.rng.choice([-1, 1]))
            walk += step.move
            if index == 0:  # the bar begins on a note of its chord
                progression = self.chorus_harmony if section.chorus else self.verse_harmony
                degree = progression[bar % len(progression)]
                walk = min(
                    (degree + third + 7 * o for third in (0, 2, 4) for o in (-1, 0, 1)), key=lambda d: abs(d - walk)
                )
            walk = int(np.clip(walk, -3, 9))
            midi = degree_to_midi(walk + section.lift, steps, self.tonic + octave)
            if index and self.rng.random() < 0.1:  # a rest
                continue
            notes.append(Strike(step.beat, 0.95 * step.beats, midi, self.rng.uniform(0.65, 0.95)))
        self._put(self.lead, notes)
        return walk

    def _drum(self, groove: Groove, section: SongSection, *, fill: bool) -> None:
        start = self.bar * self.beats
        for line, (_, pattern) in enumerate(groove.lines):
            for sixteenth, stroke in enumerate(pattern):
                if stroke != "." and (stroke > "3" or self.rng.random() < 0.5 + 0.5 * section.push):
                    force = int(stroke) / 9.0 * self.rng.uniform(0.88, 1.0) * (0.85 + 0.15 * section.push)
                    self.hits.append(Hit(line, start + sixteenth / 4, force))
        if fill and len(groove.lines) > 1:
            for sixteenth in range(4):
                self.hits.append(Hit(1, start + self.beats - 1 + sixteenth / 4, 0.45 + 0.12 * sixteenth))

    def _put(self, voice: list[Strike], strikes: list[Strike]) -> None:
        start = self.bar * self.beats
        voice += [Strike(start + s.beat, s.beats, s.midi, s.velocity) for s in strikes]
