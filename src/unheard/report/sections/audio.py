"""Chapter: what the networks hear."""

from __future__ import annotations

from unheard.report.audio_excerpt import LONG_WINDOW, SHORT_WINDOW, CloseUp, Levels, Sound, close_up
from unheard.report.blocks import Block, Missing, Picture, Section
from unheard.report.figures.audio import levels, two_windows, waveform_and_spectrogram
from unheard.report.report_data import Collected

LONGEST_LABEL = 120


def sound(found: Collected) -> Section:
    """Waveform and spectrogram, two window lengths, levels before and after the input layer."""
    blocks: list[Block] = []
    heard = found.sound
    if heard is None:
        blocks.append(Missing("No track of this workspace has sound: models read vectors. There is nothing to draw."))
    else:
        blocks.append(_spectrogram(heard))
        near = close_up(heard)
        if near is None:
            blocks.append(Missing("Two window lengths need the sound itself; no audio file could be read here."))
        else:
            blocks.append(_windows(near, heard.sample_rate, found.workspace.settings.n_fft))
    if found.levels is not None:
        blocks.append(_levels(found.levels, found.workspace.settings.front_end))
    return Section("sound", "What the networks hear", tuple(blocks))


def label(heard: Sound) -> str:
    """Artist and title, short enough for a caption."""
    text = heard.track.label
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _spectrogram(heard: Sound) -> Picture:
    only = (
        "" if heard.samples is not None else " Its file cannot be read here, so only the stored spectrogram is shown."
    )
    above = (
        f"Above: air pressure over time, {len(heard.samples):,} numbers. Below: the same "
        if heard.samples is not None
        else "The "
    )
    return Picture(
        "spectrogram",
        waveform_and_spectrogram(
            heard.samples, heard.mel_db, band_hz=heard.band_hz, start_s=heard.start_s, seconds=heard.seconds
        ),
        "png",
        f"{heard.seconds:.0f} seconds of one track as "
        f"{'a waveform and ' if heard.samples is not None else ''}a mel spectrogram.",
        f"{heard.seconds:.0f} seconds of {label(heard)}.{only} {above}seconds as a mel spectrogram, loudness in "
        f"{heard.mel_db.shape[1]} bands of pitch, {heard.mel_db.shape[0]:,} times: beats stand upright, held notes "
        "lie, and harmonics are stacked stripes. This picture is all that a network gets. (Thesis figure 3.4.)",
        "From waveform to spectrogram",
    )


def _windows(near: CloseUp, sample_rate: int, n_fft: int) -> Picture:
    short_ms, long_ms = (1000 * window / sample_rate for window in (SHORT_WINDOW, LONG_WINDOW))
    labels = (f"{SHORT_WINDOW} samples ({short_ms:.1f} ms)", f"{LONG_WINDOW:,} samples ({long_ms:.0f} ms)")
    return Picture(
        "windows",
        two_windows(near.short_db, near.long_db, seconds=near.seconds, top_hz=near.top_hz, labels=labels),
        "png",
        f"The same {near.seconds:.1f} seconds as spectrograms with a window of {labels[0]} and of {labels[1]}.",
        f"The liveliest {near.seconds:.1f} seconds of the same sound, cut into short and into long windows. A short "
        "window says exactly when something happens and hardly at which pitch; a long one shows single tones as thin "
        "lines and smears every beat over its whole length. Nobody can have both; "
        f"the networks get {n_fft:,} samples. (Thesis figure 3.5.)",
        "Short and long window",
    )


def _levels(sampled: Levels, front_end: str) -> Picture:
    quiet = "decibels under full scale" if front_end == "standard" else "decibels relative to each patch's loudest"
    return Picture(
        "input-levels",
        levels(sampled.before_db, sampled.after),
        "svg",
        "Two histograms: stored decibels, and the same numbers after every band was centred and scaled.",
        f"The numbers in the spectrograms of {sampled.n_tracks:,} train tracks. Left as they are stored, in {quiet}; "
        "right behind the network's input layer, which subtracts every band's mean and divides by its deviation. "
        f"Networks learn best from numbers around 0 with a spread around 1 (dashed); here the mean is "
        f"{sampled.after.mean():.2f} and the deviation {sampled.after.std():.2f}. (Thesis figure 4.1.)",
        "What the first layers make of it",
    )
