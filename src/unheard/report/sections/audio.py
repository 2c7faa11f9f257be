"""Section on the audio input of networks: spectrogram, window lengths, input levels."""

from __future__ import annotations

from unheard.report.audio_excerpt import LONG_WINDOW, SHORT_WINDOW, CloseUp, Excerpt, Levels, close_up
from unheard.report.blocks import Block, Missing, Picture, Section
from unheard.report.figures.spectrograms import levels, two_windows, waveform_and_spectrogram
from unheard.report.report_data import ReportData

LONGEST_LABEL = 120


def audio(found: ReportData) -> Section:
    """Return waveform and spectrogram, two window lengths, and levels before and after the input layer."""
    blocks: list[Block] = []
    excerpt = found.excerpt
    if excerpt is None:
        blocks.append(Missing("No track of this workspace has audio; models are trained on vectors of your own."))
    else:
        blocks.append(_spectrogram(excerpt))
        spectra = close_up(excerpt)
        if spectra is None:
            blocks.append(Missing("The comparison of window lengths is left out: no audio file could be read here."))
        else:
            blocks.append(_windows(spectra, excerpt.sample_rate, found.workspace.settings.n_fft))
    if found.levels is not None:
        blocks.append(_levels(found.levels, found.workspace.settings.front_end))
    return Section("audio", "Input of the networks", tuple(blocks))


def label(excerpt: Excerpt) -> str:
    """Return artist and title, shortened for a caption."""
    text = excerpt.track.label
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _spectrogram(excerpt: Excerpt) -> Picture:
    only = "" if excerpt.samples is not None else " Its file cannot be read, so only the stored spectrogram is shown."
    above = (
        f"Above: the waveform, {len(excerpt.samples):,} samples. Below: the same "
        if excerpt.samples is not None
        else "The "
    )
    return Picture(
        "spectrogram",
        waveform_and_spectrogram(
            excerpt.samples, excerpt.mel_db, band_hz=excerpt.band_hz, start_s=excerpt.start_s, seconds=excerpt.seconds
        ),
        "png",
        f"{excerpt.seconds:.0f} seconds of one track as "
        f"{'a waveform and ' if excerpt.samples is not None else ''}a mel spectrogram.",
        f"{excerpt.seconds:.0f} seconds of {label(excerpt)}.{only} {above}seconds as a mel spectrogram, the level in "
        f"{excerpt.mel_db.shape[1]} frequency bands and {excerpt.mel_db.shape[0]:,} frames: beats are vertical lines, "
        "held notes horizontal lines, and harmonics parallel lines. It is the input of a network. (Thesis figure 3.4.)",
        "From waveform to spectrogram",
    )


def _windows(spectra: CloseUp, sample_rate: int, n_fft: int) -> Picture:
    short_ms, long_ms = (1000 * window / sample_rate for window in (SHORT_WINDOW, LONG_WINDOW))
    labels = (f"{SHORT_WINDOW} samples ({short_ms:.1f} ms)", f"{LONG_WINDOW:,} samples ({long_ms:.0f} ms)")
    return Picture(
        "windows",
        two_windows(spectra.short_db, spectra.long_db, seconds=spectra.seconds, top_hz=spectra.top_hz, labels=labels),
        "png",
        f"The same {spectra.seconds:.1f} seconds as spectrograms with a window of {labels[0]} and of {labels[1]}.",
        f"The {spectra.seconds:.1f} seconds with most onsets of the same excerpt, with short and with long windows. A "
        "short window has a high resolution in time and a low one in frequency; a long window separates single tones "
        "and smears every beat over its length. "
        f"The networks use {n_fft:,} samples. (Thesis figure 3.5.)",
        "Short and long window",
    )


def _levels(sampled: Levels, front_end: str) -> Picture:
    unit = "decibels relative to full scale" if front_end == "standard" else "decibels relative to the peak of a patch"
    return Picture(
        "input-levels",
        levels(sampled.before_db, sampled.after),
        "svg",
        "Two histograms: stored decibels, and the same values after every band is centred and scaled.",
        f"Values in the spectrograms of {sampled.n_tracks:,} train tracks. Left: as stored, in {unit}. Right: behind "
        "the input layer, which subtracts the mean of every band and divides by its standard deviation. Networks train "
        f"best on values with mean 0 and standard deviation 1 (dashed); here the mean is {sampled.after.mean():.2f} "
        f"and the standard deviation {sampled.after.std():.2f}. (Thesis figure 4.1.)",
        "Levels before and after the input layer",
    )
