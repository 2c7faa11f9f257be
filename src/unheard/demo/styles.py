"""The ten styles of the generated world, as data: their sound, scales, grooves and instruments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unheard.demo import accompaniment, drums, effects, synth
from unheard.demo.accompaniment import Figure
from unheard.demo.drums import Drum
from unheard.demo.synth import Instrument, Samples

Bed = Callable[..., Samples]


@dataclass(frozen=True)
class Sound:
    """The audible attributes as numbers: tempo in beats a minute, register in semitones, everything else 0..1."""

    tempo_bpm: float
    brightness: float
    energy: float
    drums: float
    swing: float
    room: float
    drive: float
    density: float
    register: float = 0.0


@dataclass(frozen=True)
class MusicalScale:
    """`steps` in semitones above the tonic; `light` orders the modes from dark (-3) to bright (+3)."""

    name: str
    steps: tuple[int, ...]
    light: float


@dataclass(frozen=True)
class Groove:
    """One bar of drums: for each drum a string of sixteenths, `9` loud to `1` soft, `.` silent."""

    beats: int
    lines: tuple[tuple[Drum, str], ...]


@dataclass(frozen=True)
class Style:
    """A style of music: its mean `sound` and the options of its bands. `swing_unit` is the swung beat, in beats."""

    name: str
    sound: Sound
    scales: tuple[MusicalScale, ...]
    progressions: tuple[tuple[int, ...], ...]
    chord_size: int
    grooves: tuple[Groove, ...]
    leads: tuple[Instrument, ...]
    chords: tuple[Instrument, ...]
    basses: tuple[Instrument, ...]
    pads: tuple[Instrument | None, ...]
    chord_figures: tuple[Figure, ...]
    bass_figures: tuple[Figure, ...]
    swing_unit: float = 1.0
    bed: Bed | None = None
    pump: float = 0.0
    human_s: float = 0.006


LYDIAN = MusicalScale("lydian", (0, 2, 4, 6, 7, 9, 11), 3.0)
MAJOR = MusicalScale("major", (0, 2, 4, 5, 7, 9, 11), 2.0)
MIXOLYDIAN = MusicalScale("mixolydian", (0, 2, 4, 5, 7, 9, 10), 1.0)
DORIAN = MusicalScale("dorian", (0, 2, 3, 5, 7, 9, 10), 0.0)
MINOR = MusicalScale("minor", (0, 2, 3, 5, 7, 8, 10), -1.0)
HARMONIC_MINOR = MusicalScale("harmonic minor", (0, 2, 3, 5, 7, 8, 11), -1.5)
PHRYGIAN = MusicalScale("phrygian", (0, 1, 3, 5, 7, 8, 10), -2.5)

NO_DRUMS = Groove(4, ())
NO_DRUMS_IN_THREE = Groove(3, ())
BRUSHES_IN_THREE = Groove(3, ((drums.tom, "6..........."), (drums.shaker, "..3.5.3.5.3.")))
CONSOLE = Groove(4, ((drums.kick, "9...9...9..39..."), (drums.chip_noise, "3.3.9.3.3.3.9.33")))
CONSOLE_RUN = Groove(4, ((drums.kick, "9.....9.9....9.."), (drums.chip_noise, "..5.9...5.5.9.5.")))
ROCK = Groove(
    4, ((drums.kick, "9.....9.9......."), (drums.snare, "....9.......9..."), (drums.closed_hat, "7.5.7.5.7.5.7.5."))
)
ROCK_DOUBLE = Groove(
    4, ((drums.kick, "9.999.999.999.99"), (drums.snare, "....9.......9..."), (drums.ride, "7...6...7...6..."))
)
HALF_TIME = Groove(
    4, ((drums.kick, "9..........7...."), (drums.snare, "........9......."), (drums.open_hat, "6...5...6...5..."))
)
HOUSE = Groove(
    4, ((drums.kick, "9...9...9...9..."), (drums.clap, "....7.......7..."), (drums.open_hat, "..6...6...6...6."))
)
TECHNO = Groove(
    4, ((drums.kick, "9...9...9...9..."), (drums.closed_hat, "3.7.3.7.3.7.3.7."), (drums.rim, "...5..5....5..5."))
)
SWING = Groove(
    4, ((drums.ride, "7...7.5.7...7.5."), (drums.closed_hat, "....5.......5..."), (drums.kick, "3.........3....."))
)
BRUSHED = Groove(
    4, ((drums.shaker, "5.3.6.3.5.3.6.3."), (drums.rim, "............3..."), (drums.kick, "4.......3......."))
)
BOOM_BAP = Groove(
    4, ((drums.kick, "9......4..9....."), (drums.snare, "....8.......8..."), (drums.closed_hat, "5.4.5.4.5.4.5.43"))
)
BROKEN_BEAT = Groove(
    4, ((drums.kick, "9.....6..9......"), (drums.rim, "....8.......8..3"), (drums.shaker, "4.4.4.4.4.4.4.4."))
)
FUNK = Groove(
    4, ((drums.kick, "9..7......9..4.."), (drums.snare, "....9..3.3..9..3"), (drums.closed_hat, "7575757575757575"))
)
FUNK_OPEN = Groove(
    4, ((drums.kick, "9.9....7..9....."), (drums.snare, "....9.......9.4."), (drums.closed_hat, "7.5.7.5.7.5.7..."),
        (drums.open_hat, "..............6.")),
)  # fmt: skip

STYLES: tuple[Style, ...] = (
    Style(
        name="Dark Ambient",
        sound=Sound(56, 0.14, 0.12, 0.0, 0.0, 0.95, 0.0, 0.10, -7),
        scales=(PHRYGIAN, MINOR, PHRYGIAN),
        progressions=((0, 0, 5, 0), (0, 1, 0, 5), (0, 3, 0, 5)),
        chord_size=3,
        grooves=(NO_DRUMS,),
        leads=(synth.bell, synth.drone, synth.choir),
        chords=(synth.drone, synth.strings),
        basses=(synth.drone,),
        pads=(synth.drone, synth.choir, None),
        chord_figures=(accompaniment.sustained,),
        bass_figures=(accompaniment.held_root,),
        bed=effects.wind,
    ),
    Style(
        name="Chiptune",
        sound=Sound(164, 0.85, 0.78, 0.6, 0.0, 0.0, 0.0, 0.9, 9),
        scales=(MAJOR, MIXOLYDIAN, MINOR),
        progressions=((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4)),
        chord_size=3,
        grooves=(CONSOLE, CONSOLE_RUN),
        leads=(synth.pulse,),
        chords=(synth.pulse, synth.triangle),
        basses=(synth.triangle, synth.pulse),
        pads=(None,),
        chord_figures=(accompaniment.arpeggio,),
        bass_figures=(accompaniment.driving, accompaniment.root_and_fifth),
        human_s=0.0,
    ),
    Style(
        name="Folk Waltz",
        sound=Sound(108, 0.5, 0.34, 0.12, 0.05, 0.25, 0.0, 0.45, 0),
        scales=(MAJOR, DORIAN, MIXOLYDIAN),
        progressions=((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 3, 0)),
        chord_size=3,
        grooves=(NO_DRUMS_IN_THREE, BRUSHES_IN_THREE),
        leads=(synth.flute, synth.plucked, synth.nylon),
        chords=(synth.nylon, synth.plucked),
        basses=(synth.string_bass,),
        pads=(None, None, synth.strings),
        chord_figures=(accompaniment.waltz, accompaniment.fingerpicked),
        bass_figures=(accompaniment.root_and_fifth,),
        human_s=0.012,
    ),
    Style(
        name="Heavy Rock",
        sound=Sound(142, 0.62, 0.95, 0.75, 0.0, 0.12, 0.85, 0.75, -4),
        scales=(MINOR, PHRYGIAN, HARMONIC_MINOR),
        progressions=((0, 0, 5, 6), (0, 1, 0, 6), (0, 3, 5, 4)),
        chord_size=3,
        grooves=(ROCK, ROCK_DOUBLE, HALF_TIME),
        leads=(synth.plucked, synth.saw_stab),
        chords=(synth.plucked,),
        basses=(synth.string_bass, synth.synth_bass),
        pads=(None,),
        chord_figures=(accompaniment.chugging,),
        bass_figures=(accompaniment.driving,),
    ),
    Style(
        name="House",
        sound=Sound(125, 0.6, 0.82, 0.85, 0.0, 0.2, 0.0, 0.55, 0),
        scales=(MINOR, DORIAN),
        progressions=((0, 0, 3, 3), (0, 5, 0, 5), (0, 5, 2, 6)),
        chord_size=4,
        grooves=(HOUSE, TECHNO),
        leads=(synth.saw_stab,),
        chords=(synth.saw_stab,),
        basses=(synth.synth_bass,),
        pads=(synth.strings, None),
        chord_figures=(accompaniment.stabs, accompaniment.offbeats),
        bass_figures=(accompaniment.pumping,),
        pump=0.55,
        human_s=0.0,
    ),
    Style(
        name="Swing",
        sound=Sound(158, 0.45, 0.45, 0.4, 0.95, 0.22, 0.0, 0.6, 2),
        scales=(MAJOR, DORIAN, MIXOLYDIAN),
        progressions=((1, 4, 0, 0), (0, 5, 1, 4), (2, 5, 1, 4)),
        chord_size=4,
        grooves=(SWING, BRUSHED),
        leads=(synth.flute, synth.electric_piano, synth.bell),
        chords=(synth.electric_piano,),
        basses=(synth.string_bass,),
        pads=(None,),
        chord_figures=(accompaniment.comping,),
        bass_figures=(accompaniment.walking,),
        human_s=0.01,
    ),
    Style(
        name="Chapel",
        sound=Sound(72, 0.4, 0.38, 0.0, 0.0, 0.75, 0.0, 0.3, -2),
        scales=(HARMONIC_MINOR, MINOR, DORIAN),
        progressions=((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 4)),
        chord_size=3,
        grooves=(NO_DRUMS,),
        leads=(synth.organ, synth.choir),
        chords=(synth.organ, synth.choir),
        basses=(synth.organ,),
        pads=(synth.choir, None),
        chord_figures=(accompaniment.sustained,),
        bass_figures=(accompaniment.root_and_fifth, accompaniment.held_root),
    ),
    Style(
        name="Lo-Fi Beats",
        sound=Sound(80, 0.26, 0.42, 0.55, 0.5, 0.2, 0.0, 0.4, -1),
        scales=(DORIAN, MAJOR, MINOR),
        progressions=((1, 4, 0, 5), (3, 2, 1, 0), (0, 5, 1, 4)),
        chord_size=4,
        grooves=(BOOM_BAP, BROKEN_BEAT),
        leads=(synth.electric_piano, synth.bell, synth.nylon),
        chords=(synth.electric_piano,),
        basses=(synth.string_bass, synth.synth_bass),
        pads=(None, None, synth.strings),
        chord_figures=(accompaniment.sustained, accompaniment.comping),
        bass_figures=(accompaniment.lazy,),
        swing_unit=0.5,
        bed=effects.dust,
        human_s=0.014,
    ),
    Style(
        name="Bell Minimalism",
        sound=Sound(132, 0.66, 0.3, 0.0, 0.0, 0.45, 0.0, 0.75, 10),
        scales=(LYDIAN, MAJOR, LYDIAN),
        progressions=((0, 0, 1, 1), (0, 0, 3, 3), (0, 4, 0, 4)),
        chord_size=3,
        grooves=(NO_DRUMS,),
        leads=(synth.bell,),
        chords=(synth.bell,),
        basses=(synth.bell, synth.strings),
        pads=(None, synth.strings),
        chord_figures=(accompaniment.cells,),
        bass_figures=(accompaniment.held_root,),
        human_s=0.003,
    ),
    Style(
        name="Funk",
        sound=Sound(107, 0.7, 0.68, 0.7, 0.15, 0.1, 0.0, 0.65, 1),
        scales=(MIXOLYDIAN, DORIAN),
        progressions=((0, 0, 3, 0), (0, 3, 0, 4), (1, 4, 1, 4)),
        chord_size=4,
        grooves=(FUNK, FUNK_OPEN),
        leads=(synth.clav, synth.saw_stab, synth.organ),
        chords=(synth.clav,),
        basses=(synth.plucked, synth.synth_bass),
        pads=(None, None, synth.organ),
        chord_figures=(accompaniment.scratches, accompaniment.stabs),
        bass_figures=(accompaniment.slapping,),
        swing_unit=0.5,
        human_s=0.005,
    ),
)


def between(one: Sound, other: Sound, share: float) -> Sound:
    """Return the interpolation from `one` to `other` at `share` (0..1); the tempo is interpolated geometrically."""
    mixed = {
        name: (1.0 - share) * value + share * getattr(other, name)
        for name, value in vars(one).items()
        if name != "tempo_bpm"
    }
    tempo_bpm = float(np.exp((1.0 - share) * np.log(one.tempo_bpm) + share * np.log(other.tempo_bpm)))
    return Sound(tempo_bpm=tempo_bpm, **mixed)


def varied(sound: Sound, *, amount: float, rng: np.random.Generator) -> Sound:
    """Return the sound with random changes: tempo by a factor, register by semitones, the rest within 0..1."""
    moved = {
        name: float(np.clip(value + amount * rng.normal(0.0, 0.1), 0.0, 1.0)) if name not in {"drums", "drive", "swing"}
        # zero (no drums, no distortion) stays zero
        else float(np.clip(value * (1.0 + amount * rng.normal(0.0, 0.18)), 0.0, 1.0))
        for name, value in vars(sound).items()
        if name not in {"tempo_bpm", "register"}
    }  # fmt: skip
    return Sound(
        tempo_bpm=sound.tempo_bpm * float(np.exp(amount * rng.normal(0.0, 0.09))),
        register=sound.register + amount * float(rng.normal(0.0, 3.0)),
        **moved,
    )
