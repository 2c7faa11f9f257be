"""Tests of the music against acoustics and theory: pitch, band limits, scales, form, levels."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.demo import accompaniment as figures
from unheard.demo import drums, effects, synth
from unheard.demo.accompaniment import Figure, Harmony
from unheard.demo.composer import compose, degree_to_midi, form, voicing
from unheard.demo.drums import Drum, Kit
from unheard.demo.render import perform, swung
from unheard.demo.styles import MAJOR, STYLES, Sound, between, varied
from unheard.demo.synth import Instrument, Samples, Voice
from unheard.demo.world import GeneratedTrack, draw_bands, draw_tracks

pytestmark = pytest.mark.slow

RATE_HZ = 22_050
INSTRUMENTS = (
    synth.plucked, synth.nylon, synth.clav, synth.organ, synth.choir, synth.strings, synth.drone, synth.flute,
    synth.pulse, synth.triangle, synth.bell, synth.electric_piano, synth.saw_stab, synth.synth_bass, synth.string_bass,
)  # fmt: skip
DRUMS = (
    drums.kick, drums.snare, drums.clap, drums.rim, drums.closed_hat, drums.open_hat, drums.ride, drums.shaker,
    drums.tom, drums.chip_noise,
)  # fmt: skip
FIGURES = (
    figures.sustained, figures.arpeggio, figures.fingerpicked, figures.waltz, figures.offbeats, figures.stabs,
    figures.chugging, figures.comping, figures.scratches, figures.cells, figures.held_root, figures.root_and_fifth,
    figures.walking, figures.driving, figures.pumping, figures.slapping, figures.lazy,
)  # fmt: skip


def world(n_bands: int, n_tracks: int, *, seconds: float) -> tuple[GeneratedTrack, ...]:
    rng = np.random.default_rng(3)
    return draw_tracks(draw_bands(n_bands, rng), n_tracks, seconds=seconds, seed=3, rng=rng)


def fundamental_hz(note: Samples, near_hz: float) -> float:
    """Where, within a quarter-tone of `near_hz`, harmonics 1..4 together are strongest."""
    window = np.hanning(len(note))
    t = np.arange(len(note)) / RATE_HZ
    candidates = near_hz * 2.0 ** (np.arange(-50, 51, 2) / 1200.0)
    strength = [
        sum(abs(np.sum(note * window * np.exp(-2j * np.pi * h * f * t))) for h in range(1, 5) if h * f < RATE_HZ / 2)
        for f in candidates
    ]
    return float(candidates[int(np.argmax(strength))])


@pytest.mark.parametrize("instrument", INSTRUMENTS)
@pytest.mark.parametrize("freq_hz", [82.4, 329.6, 987.8])
def test_notes_are_in_tune_and_begin_and_end_in_silence(instrument: Instrument, freq_hz: float) -> None:
    note = instrument(freq_hz, 0.6, Voice(RATE_HZ, 0.6, 0.5), np.random.default_rng(0))
    cents = 1200.0 * np.log2(fundamental_hz(note[: RATE_HZ // 2], freq_hz) / freq_hz)
    assert abs(cents) <= 12.0
    assert 0.2 < np.abs(note).max() <= 1.6
    assert abs(note[0]) < 0.15
    assert abs(note[-1]) < 1e-3


@pytest.mark.parametrize("rate_hz", [22_050, 44_100])
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_no_instrument_reveals_the_sample_rate(instrument: Instrument, rate_hz: int) -> None:
    note = instrument(880.0, 0.5, Voice(rate_hz, 0.6, 0.5), np.random.default_rng(0))
    power = np.abs(np.fft.rfft(note)) ** 2
    high = np.fft.rfftfreq(len(note), 1.0 / rate_hz) > 11_025.0
    assert power[high].sum() < 0.02 * power.sum()


def test_a_pulse_is_made_of_harmonics_only() -> None:
    freq_hz = 1_000.0
    note = synth.pulse(freq_hz, 1.0, Voice(RATE_HZ, 1.0, 0.0), np.random.default_rng(0))[2_000:20_000]
    power = np.abs(np.fft.rfft(note * np.hanning(len(note)))) ** 2
    hz = np.fft.rfftfreq(len(note), 1.0 / RATE_HZ)
    on_harmonic = np.abs(hz / freq_hz - np.round(hz / freq_hz)) * freq_hz < 90.0  # its vibrato is narrow
    assert power[on_harmonic].sum() > 0.995 * power.sum()


@pytest.mark.parametrize("drum", DRUMS)
def test_drums_decay_and_end_in_silence(drum: Drum) -> None:
    stroke = drum(Kit(RATE_HZ, 1.1, 1.2, 0.7), np.random.default_rng(0))
    half = len(stroke) // 2
    assert np.isfinite(stroke).all()
    assert np.sum(stroke[half:] ** 2) < 0.25 * np.sum(stroke[:half] ** 2)
    assert stroke[-1] == 0.0


@pytest.mark.parametrize("beats", [3, 4])
@pytest.mark.parametrize("figure", FIGURES)
def test_figures_stay_in_their_bar_and_repeat_with_their_generator(figure: Figure, beats: int) -> None:
    harmony = Harmony((55, 60, 64), 36, 43, 41)
    for density in (0.1, 0.5, 0.9):
        strikes = figure(harmony, beats, density, np.random.default_rng(1))
        assert strikes == figure(harmony, beats, density, np.random.default_rng(1))
        assert strikes
        assert all(0 <= s.beat < beats and s.beats > 0 and 0 < s.velocity <= 1 for s in strikes)


def test_grooves_have_four_sixteenths_a_beat() -> None:
    for style in STYLES:
        for groove in style.grooves:
            assert {len(pattern) for _, pattern in groove.lines} <= {4 * groove.beats}


def test_degrees_by_hand() -> None:
    assert [degree_to_midi(degree, MAJOR.steps, 60) for degree in (0, 2, 4, 7, -1, 9)] == [60, 64, 67, 72, 59, 76]


@given(st.integers(0, 6), st.integers(3, 5), st.integers(50, 70), st.floats(48, 72))
def test_voicings_keep_the_scale_and_the_register(degree: int, size: int, tonic: int, centre: float) -> None:
    notes = voicing(degree, size, MAJOR.steps, tonic, centre=centre)
    assert all((note - tonic) % 12 in MAJOR.steps for note in notes)
    assert all(abs(note - centre) <= 6.0 for note in notes)


@given(st.integers(1, 80))
def test_sections_fill_the_piece(n_bars: int) -> None:
    sections = form(n_bars, np.random.default_rng(0))
    assert sum(section.bars for section in sections) == n_bars
    assert all(section.bars > 0 for section in sections)


def test_swing_by_hand() -> None:
    even = np.array([0.0, 0.5, 1.0, 1.25, 1.5])
    np.testing.assert_allclose(swung(even, swing=0.0, unit=1.0), even)
    np.testing.assert_allclose(swung(even, swing=1.0, unit=1.0), [0.0, 2 / 3, 1.0, 4 / 3, 5 / 3])
    np.testing.assert_allclose(swung(np.array([0.25, 0.5]), swing=1.0, unit=0.5), [1 / 3, 0.5])


def test_scores_keep_to_the_scale_and_to_the_piece() -> None:
    for track in world(20, 20, seconds=8.0):
        score = compose(track, np.random.default_rng(0))
        tonic, steps = track.band.tonic, track.scale.steps
        assert all((strike.midi - tonic) % 12 in steps for strike in (*score.lead, *score.chords, *score.pad))
        assert max(strike.beat for strike in score.lead) < score.beats
        assert score.beats * 60.0 / track.sound.tempo_bpm >= track.seconds
        assert bool(score.hits) == bool(track.band.groove.lines)


def test_level_is_met_and_peaks_are_bent_below_the_ceiling() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 40_000))
    quiet = effects.to_level(noise, rms_db=-30.0)
    assert 20 * np.log10(np.sqrt(np.mean(quiet**2))) == pytest.approx(-30.0, abs=1e-6)
    assert np.abs(effects.to_level(noise, rms_db=-6.0)).max() <= 0.88


def test_effects_keep_length_and_do_what_they_say() -> None:
    rng = np.random.default_rng(0)
    dry = rng.standard_normal((1, 22_050))
    assert effects.reverb(dry, rate_hz=RATE_HZ, seconds=1.0, amount=0.5, rng=rng).shape == dry.shape
    assert effects.chorus(dry[0], rate_hz=RATE_HZ).shape == dry[0].shape
    assert effects.distort(dry[0], drive=0.8, rate_hz=RATE_HZ).shape == dry[0].shape
    assert abs(effects.no_dc(dry + 1.0, rate_hz=RATE_HZ)[0, -5_000:].mean()) < 0.02
    assert effects.low_pass(dry, cutoff_hz=20_000.0, rate_hz=RATE_HZ) is dry
    faded = effects.fade(dry, rate_hz=RATE_HZ, in_s=0.1, out_s=0.2)
    assert faded[0, 0] == 0.0
    assert abs(faded[0, -1]) < 1e-12
    np.testing.assert_array_equal(faded[0, 3_000:15_000], dry[0, 3_000:15_000])
    gain = effects.duck(22_050, np.array([0.0, 0.5, 9.0]), rate_hz=RATE_HZ, depth=0.6)
    assert gain[0] == pytest.approx(0.4)
    assert gain[int(0.45 * RATE_HZ)] == 1.0


def test_sound_moves_between_styles_and_stays_in_range() -> None:
    one, other = STYLES[0].sound, STYLES[1].sound
    assert between(one, other, 0.0).brightness == one.brightness
    assert between(one, other, 0.5).tempo_bpm == pytest.approx(np.sqrt(one.tempo_bpm * other.tempo_bpm))
    rng = np.random.default_rng(0)
    for _ in range(50):
        sound: Sound = varied(other, amount=3.0, rng=rng)
        unit = [value for name, value in vars(sound).items() if name not in {"tempo_bpm", "register"}]
        assert min(unit) >= 0.0
        assert max(unit) <= 1.0
        assert varied(one, amount=3.0, rng=rng).drums == 0.0  # zero stays zero


def test_every_style_plays_within_full_scale_and_without_clicks() -> None:
    for track in world(10, 10, seconds=4.0):
        samples = perform(track)
        assert samples.shape == (round(track.seconds * track.rate_hz), track.channels)
        assert samples.dtype == np.float32
        assert 0.05 < np.abs(samples).max() <= 0.88
        assert abs(float(samples.mean())) < 1e-3
        assert np.abs(samples[[0, -1]]).max() < 1e-6
        np.testing.assert_array_equal(samples, perform(track))
        assert not np.array_equal(samples, perform(replace(track, seed=(99, 0))))


def log_bands(track: GeneratedTrack) -> Samples:
    """Mean and deviation of the log power in 24 bands, and how fast it changes: (72,)."""
    mono = perform(replace(track, rate_hz=RATE_HZ, channels=1))[:, 0]
    frames = np.lib.stride_tricks.sliding_window_view(mono, 1024)[::512] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = np.geomspace(2, 512, 25).astype(int)
    bands = np.log10(np.stack([power[:, a : max(b, a + 1)].sum(axis=1) for a, b in pairwise(edges)]) + 1e-6)
    return np.concatenate([bands.mean(axis=1), bands.std(axis=1), np.abs(np.diff(bands, axis=1)).mean(axis=1)])


def test_styles_are_distinguishable_in_other_bands() -> None:
    tracks = [track for track in world(60, 60, seconds=7.0) if track.band.blend == 0.0]
    labels = np.array([track.band.style.name for track in tracks])
    features = np.stack([log_bands(track) for track in tracks])
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    right = 0
    for row, label in enumerate(labels):  # leave one band out: a band has one track here
        others = np.arange(len(labels)) != row
        centres = {name: features[others & (labels == name)].mean(axis=0) for name in sorted(set(labels.tolist()))}
        right += min(centres, key=lambda name: float(((features[row] - centres[name]) ** 2).sum())) == label
    assert right / len(labels) > 0.7  # chance is 0.1
