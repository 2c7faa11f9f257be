"""Compute mel decibels from power spectra, by one of two front ends.

standard   power -> mel filterbank -> 10 log10(max(., 1e-10)). The reference is full scale, so loudness is kept.
parity     the order of B. Pohl, "Content-based Music Recommendation" (2019): per patch of 256 frames, magnitude ->
           decibels relative to the patch's own maximum, no lower than -80 (what Kapre's AmplitudeToDB does to a
           magnitude: 10 log10, not 20) -> mel filterbank on the decibels. The last patch is filled with zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from unheard.arrays import Floats
from unheard.spectrograms.filterbank import sparse_filterbank
from unheard.spectrograms.stft import power_spectra
from unheard.workspace import Settings

AMIN = 1e-10
TOP_DB = 80.0


def mel_db(blocks: Iterable[Floats], settings: Settings) -> Iterator[Floats]:
    """Yield mel decibels (frame, mel) of a stream of mono blocks, float32, at most `patch_frames` frames at a time."""
    for power in power_spectra(blocks, settings):
        yield mel_db_of_power(power, settings)


def mel_db_of_power(power: Floats, settings: Settings) -> Floats:
    """Return mel decibels (frame, mel) float32 of a block of at most `patch_frames` power spectra (frame, bin).

    `parity` always returns `patch_frames` frames.
    """
    if settings.front_end == "standard":
        return decibels(_to_mel(power, settings))
    padded = np.zeros((settings.patch_frames, power.shape[1]), np.float32)
    padded[: len(power)] = power
    return _to_mel(relative_decibels(np.sqrt(padded)), settings)


def decibels(power: Floats) -> Floats:
    """Return 10 log10(max(power, 1e-10)), float32."""
    db: Floats = np.float32(10.0) * np.log10(np.maximum(power, np.float32(AMIN)))
    return db


def relative_decibels(magnitude: Floats) -> Floats:
    """Return decibels of a patch relative to its maximum, in [-80, 0]; 0 for a patch of zeros, as in Kapre."""
    db = decibels(magnitude)
    relative: Floats = np.maximum(db - db.max(), np.float32(-TOP_DB))
    return relative


def silent_frame(settings: Settings) -> Floats:
    """Return the mel decibels of a silent frame in a track with sound, (mel,) float32."""
    if settings.front_end == "standard":
        return np.full(settings.n_mels, 10.0 * np.log10(AMIN), np.float32)
    quiet = np.full((1, settings.n_fft // 2 + 1), -TOP_DB, np.float32)
    frame: Floats = _to_mel(quiet, settings)[0]
    return frame


def _to_mel(spectra: Floats, settings: Settings) -> Floats:
    shape = {"sample_rate": settings.sample_rate, "n_fft": settings.n_fft, "n_mels": settings.n_mels}
    mel: Floats = sparse_filterbank(**shape) @ spectra.T  # (mel, frame)
    return np.ascontiguousarray(mel.T)
