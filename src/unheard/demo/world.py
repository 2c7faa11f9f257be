"""Draw the world's imaginary bands and their tracks from one random generator."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unheard.arrays import Doubles
from unheard.demo import band_names
from unheard.demo.accompaniment import Figure
from unheard.demo.styles import STYLES, Bed, Groove, MusicalScale, Sound, Style, between, varied
from unheard.demo.synth import Instrument

Format = Literal["ogg", "flac", "mp3", "wav"]

FORMATS: tuple[Format, ...] = ("ogg", "mp3", "flac", "wav")
FORMAT_SHARES = (0.70, 0.14, 0.12, 0.04)
WIDE_SHARE = 0.05  # share of the bands with files at 44.1 kHz in stereo
HIDDEN = 6  # dimensions of the inaudible attributes: scene, lyrics, looks, friends


@dataclass(frozen=True)
class Part:
    """An instrument and this band's way of playing it (`character` 0..1)."""

    instrument: Instrument
    character: float


@dataclass(frozen=True)
class Band:
    """An imaginary band: a mixture of two styles (`blend` 0 = `style` only, at most 1/2), with its own instruments.

    `hidden` (HIDDEN,) are its inaudible attributes.
    """

    band_id: str
    name: str
    style: Style
    other: Style
    blend: float
    sound: Sound
    scales: tuple[MusicalScale, ...]
    progressions: tuple[tuple[int, ...], ...]
    chord_size: int
    groove: Groove
    lead: Part
    chords: Part
    bass: Part
    pad: Part | None
    chord_figure: Figure
    bass_figure: Figure
    swing_unit: float
    bed: Bed | None
    pump: float
    human_s: float
    tonic: int
    drum_pitch: float
    drum_length: float
    hidden: Doubles
    popularity: float


@dataclass(frozen=True)
class GeneratedTrack:
    """One track of a band. `seed` determines its music; `hidden` (HIDDEN,) are its inaudible attributes."""

    track_id: str
    band: Band
    number: int
    title: str
    album: str
    release_date: str
    sound: Sound
    scale: MusicalScale
    seed: tuple[int, int]
    seconds: float
    rate_hz: int
    channels: int
    format: Format
    hidden: Doubles
    popularity: float

    @property
    def path(self) -> str:
        """The path of its file, relative to the folder of the world."""
        return f"audio/{self.band.name}/{self.number:02d} {self.title}.{self.format}"


def draw_bands(n_bands: int, rng: np.random.Generator) -> tuple[Band, ...]:
    """Return bands with distinct names and ids; every style has the same number of bands, or one more."""
    bands: list[Band] = []
    taken: set[str] = set()
    for index in range(n_bands):
        name = band_names.band_name(rng)
        while band_names.slug(name) in taken:
            name = band_names.band_name(rng)
        taken.add(band_names.slug(name))
        bands.append(_band(name, STYLES[index % len(STYLES)], rng))
    return tuple(bands)


def _band(name: str, style: Style, rng: np.random.Generator) -> Band:
    other = STYLES[int(rng.integers(len(STYLES)))]
    blend = float(rng.uniform(0.25, 0.5)) if rng.random() < 0.22 and other is not style else 0.0

    def source() -> Style:
        return other if rng.random() < blend else style

    def part(choices: tuple[Instrument, ...]) -> Part:
        return Part(choices[int(rng.integers(len(choices)))], float(rng.random()))

    pads = source().pads
    pad = pads[int(rng.integers(len(pads)))]
    rhythm, harmony, comping, low = source(), source(), source(), source()
    first = int(rng.integers(len(harmony.scales)))
    order = rng.permutation(len(harmony.progressions))[:2]
    return Band(
        band_id=band_names.slug(name),
        name=name,
        style=style,
        other=other if blend else style,
        blend=blend,
        sound=varied(between(style.sound, other.sound, blend), amount=1.0, rng=rng),
        scales=(harmony.scales[first], harmony.scales[first], harmony.scales[(first + 1) % len(harmony.scales)]),
        progressions=tuple(harmony.progressions[index] for index in order),
        chord_size=harmony.chord_size,
        groove=rhythm.grooves[int(rng.integers(len(rhythm.grooves)))],
        lead=part(source().leads),
        chords=part(comping.chords),
        bass=part(low.basses),
        pad=Part(pad, float(rng.random())) if pad else None,
        chord_figure=comping.chord_figures[int(rng.integers(len(comping.chord_figures)))],
        bass_figure=low.bass_figures[int(rng.integers(len(low.bass_figures)))],
        swing_unit=rhythm.swing_unit,
        bed=style.bed,
        pump=rhythm.pump,
        human_s=style.human_s,
        tonic=int(rng.integers(-5, 7)),
        drum_pitch=float(np.exp(rng.normal(0.0, 0.14))),
        drum_length=float(np.exp(rng.normal(0.0, 0.25))),
        hidden=rng.standard_normal(HIDDEN),
        popularity=float(rng.standard_normal()),
    )


def draw_tracks(
    bands: tuple[Band, ...], n_tracks: int, *, seconds: float, seed: int, rng: np.random.Generator
) -> tuple[GeneratedTrack, ...]:
    """Return at least one track for each band; lengths are 3/4 to 6/5 of `seconds`, each album has one file format."""
    weights = rng.dirichlet(np.full(len(bands), 8.0))
    counts = 1 + rng.multinomial(n_tracks - len(bands), weights)
    # by quota, not at random, so that no format is missing from a world of ordinary size
    quantiles = (rng.permutation(len(bands)) + 0.5) / len(bands)
    formats = np.searchsorted(np.cumsum(FORMAT_SHARES[:-1]), quantiles)
    wides = (rng.permutation(len(bands)) + 0.5) / len(bands) < WIDE_SHARE
    tracks: list[GeneratedTrack] = []
    for band, count, format_index, wide in zip(bands, counts, formats, wides, strict=True):
        album, released = band_names.title(rng), dt.date(2014, 1, 10) + dt.timedelta(int(rng.integers(4_200)))
        titles: list[str] = []
        while len(titles) < count:
            drawn = band_names.title(rng)
            if drawn not in titles:
                titles.append(drawn)
        for number, title in enumerate(titles, start=1):
            tracks.append(
                GeneratedTrack(
                    track_id=f"{band.band_id}-{number:02d}",
                    band=band,
                    number=number,
                    title=title,
                    album=album,
                    release_date=released.isoformat(),
                    sound=varied(band.sound, amount=0.45, rng=rng),
                    scale=band.scales[int(rng.integers(len(band.scales)))],
                    seed=(seed, len(tracks)),
                    seconds=float(np.round(seconds * rng.uniform(0.75, 1.2), 2)),
                    rate_hz=44_100 if wide else 22_050,
                    channels=2 if wide or rng.random() < 0.08 else 1,
                    format=FORMATS[format_index],
                    hidden=rng.standard_normal(HIDDEN),
                    popularity=band.popularity + 0.7 * float(rng.standard_normal()),
                )
            )
    return tuple(tracks)
