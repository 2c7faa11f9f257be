"""Read an excerpt of one track, its spectra, and the distribution of stored spectrogram levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats, Rows
from unheard.errors import AudioError
from unheard.library import Track, Tracks
from unheard.spectrograms.filterbank import hz_to_mel, mel_to_hz
from unheard.spectrograms.front_end import decibels, mel_db
from unheard.spectrograms.stft import power_spectra
from unheard.spectrograms.store import MelStore
from unheard.workspace import Settings

EXCERPT_S = 30.0
CLOSE_UP_S = 1.2
CLOSE_UP_HZ = 5000.0
SHORT_WINDOW, LONG_WINDOW = 25, 2048  # samples, as in the thesis
TRIED = 12  # files, before the stored spectrogram is used
LEVEL_TRACKS = 300
LEVEL_STEP = 4  # every fourth frame is enough for a histogram


@dataclass(frozen=True)
class Excerpt:
    """An excerpt of one track.

    samples   (n,) float32 at `sample_rate`, None if no file could be read
    mel_db    (frame, mel) decibels, as made by the front end of the workspace
    band_hz   (mel,) centre of each band
    """

    track: Track
    samples: Floats | None
    sample_rate: int
    mel_db: Floats
    band_hz: Doubles
    start_s: float
    seconds: float


@dataclass(frozen=True)
class Levels:
    """Values of a sample of stored frames, (frame * mel,): in decibels, and behind the input layer of a network."""

    before_db: Floats
    after: Floats
    n_tracks: int


@dataclass(frozen=True)
class CloseUp:
    """Spectra in dB, (bin, frame), of the same moment with a short and with a long window, 0 Hz to `top_hz`."""

    short_db: Floats
    long_db: Floats
    seconds: float
    top_hz: float


def read_excerpt(tracks: Tracks, wanted: Sequence[int], store: MelStore | None, settings: Settings) -> Excerpt | None:
    """Return 30 s of the first track of `wanted` whose file can be read; else its stored spectrogram; else None."""
    with_audio = [row for row in wanted if store is None or tracks.ids[row] in store.ids]
    for row in with_audio[:TRIED]:
        track = tracks[row]
        try:
            samples, start_s = _excerpt(track, settings.sample_rate)
        except (AudioError, OSError, ValueError):  # removed, moved or damaged after the scan: try the next one
            continue
        mel = np.concatenate(list(mel_db([samples], settings)))
        seconds = len(samples) / settings.sample_rate
        return Excerpt(track, samples, settings.sample_rate, mel, band_centres_hz(settings), start_s, seconds)
    if store is None or not with_audio:
        return None
    mel = store.track_db(store.ids.row(tracks.ids[with_audio[0]]))
    per_s = settings.sample_rate / settings.hop_length
    start = max(0, (len(mel) - round(EXCERPT_S * per_s)) // 2)
    mel = mel[start : start + round(EXCERPT_S * per_s)]
    track, band_hz = tracks[with_audio[0]], band_centres_hz(settings)
    return Excerpt(track, None, settings.sample_rate, mel, band_hz, start / per_s, len(mel) / per_s)


def _excerpt(track: Track, sample_rate: int) -> tuple[Floats, float]:
    """Return the middle 30 s of a file and the second at which they start; decoding stops after them."""
    from unheard.ingest.audio import decode_blocks

    if not track.path:
        raise ValueError("the track has no file")
    start = int(max(0.0, (track.duration_s - EXCERPT_S) / 2) * sample_rate)
    end = start + int(EXCERPT_S * sample_rate)
    parts, position = [], 0
    for block in decode_blocks(Path(track.path), sample_rate=sample_rate):
        parts.append(block[max(0, start - position) : max(0, end - position)])
        position += len(block)
        if position >= end:
            break
    samples = np.concatenate(parts)
    if not len(samples):
        raise ValueError("the file is shorter than in the library")
    return samples, start / sample_rate


def close_up(excerpt: Excerpt) -> CloseUp | None:
    """Return the part of an excerpt with most onsets, under two window lengths; None without samples."""
    if excerpt.samples is None or len(excerpt.samples) < LONG_WINDOW:
        return None
    rate = excerpt.sample_rate
    length = min(len(excerpt.samples), int(CLOSE_UP_S * rate))
    start = most_onsets(excerpt.samples, length)
    samples = excerpt.samples[start : start + length]
    top_hz = min(CLOSE_UP_HZ, rate / 2)
    short, long = (_spectrum_db(samples, window, rate, top_hz) for window in (SHORT_WINDOW, LONG_WINDOW))
    return CloseUp(short, long, length / rate, top_hz)


def most_onsets(samples: Floats, length: int, *, step: int = 256) -> int:
    """Return the start of the `length` samples in which the sum of all rises in loudness is largest."""
    whole = samples[: len(samples) // step * step].reshape(-1, step)
    loud_db = decibels((whole**2).mean(axis=1) + np.float32(1e-7))
    rises = np.maximum(np.diff(loud_db, prepend=loud_db[:1]), 0)
    window = max(1, length // step)
    sums = np.convolve(rises, np.ones(window), mode="valid") if len(rises) >= window else np.zeros(1)
    return min(int(sums.argmax()) * step, len(samples) - length)


def _spectrum_db(samples: Floats, window: int, rate: int, top_hz: float) -> Floats:
    """Return decibels (bin, frame) of the bins up to `top_hz`."""
    settings = Settings(sample_rate=rate, n_fft=window, hop_length=max(8, window // 32))
    db = decibels(np.concatenate(list(power_spectra([samples], settings))))
    n_bins = max(2, int(np.ceil(top_hz / rate * window)))
    return db[:, :n_bins].T


def sample_levels(store: MelStore, rows: Rows, *, rng: np.random.Generator) -> Levels | None:
    """Return frames of up to 300 tracks, before and after an input layer fitted on the tracks `rows`."""
    from unheard.inference.input_sources import NORM_PATCHES, PatchSource

    if not len(rows):
        return None
    source = PatchSource(store)
    mean_db, std_db = source.moments(rows)
    chosen = np.sort(rng.choice(rows, min(LEVEL_TRACKS, len(rows)), replace=False))
    frames = []
    for row in chosen:
        starts = source.cover(int(row), NORM_PATCHES)
        chosen_frames = np.concatenate([np.arange(start, start + store.patch_frames, LEVEL_STEP) for start in starts])
        frames.append(store.track_db(int(row))[chosen_frames[chosen_frames < store.n_frames[row]]])
    db = np.concatenate(frames)  # (frame, mel)
    return Levels(db.ravel(), ((db - mean_db) / std_db).ravel(), len(chosen))


def middle_patch(store: MelStore, row: int, frames: int) -> NDArray[np.generic]:
    """Return the stored values (1, frame, mel) of the middle of a track."""
    start = max(0, (int(store.n_frames[row]) - frames) // 2)
    return replace(store, patch_frames=frames).raw_patches(np.array([row]), np.array([start]))


def band_centres_hz(settings: Settings) -> Doubles:
    """Return the centre frequency of each mel band, (mel,)."""
    ends = hz_to_mel(np.array([0.0, settings.sample_rate / 2]))
    return mel_to_hz(np.linspace(ends[0], ends[1], settings.n_mels + 2))[1:-1]
