"""Extract features from the stored mel spectrogram: statistics of the sound, MFCC, signature and acoustic fingerprint.

A scan extracts statistics, signature and fingerprint from the frames as it stores them, encoded to one byte a value, so
the same vectors can be extracted again without the audio file. The signal processing is in spectrograms/statistics.py,
spectrograms/signature.py and spectrograms/acoustic_fingerprint.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.errors import AudioError, Reason
from unheard.features.extractor import FeatureExtractor, MelExtractor
from unheard.spectrograms.acoustic_fingerprint import FINGERPRINT_DIM, fingerprint_of_blocks
from unheard.spectrograms.files import encoded_mel
from unheard.spectrograms.front_end import TOP_DB, silent_frame
from unheard.spectrograms.signature import SIGNATURE_DIM, signature_of_blocks
from unheard.spectrograms.statistics import MFCC_STATISTICS, N_STATISTICS, statistics_of_blocks
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings

DECODED_FRAMES = 512  # frames that are held as floats at a time: they stay in a core's cache


class _Scanned(MelExtractor, FeatureExtractor, Protocol):
    """An extractor that reads stored spectrograms."""


class Statistics:
    """Colour, variation, movement and tempo of the mel spectrogram, (558,); see spectrograms/statistics.py."""

    kind, dim, version, sample_rate_hz = "statistics", N_STATISTICS, "1", Settings().sample_rate

    def extract(self, samples: Floats) -> Floats:
        return vector_of_mel(self, encoded_mel([samples], Settings()), Settings(), "samples")

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:  # noqa: ARG002 - of the protocol
        return statistics_of_blocks(blocks)


class Mfcc:
    """Timbre: mean, deviation and correlation of MFCC 0-19 and deviation of their deltas, (250,), a part of the
    statistics; for recipes that read timbre alone."""

    kind, version, sample_rate_hz = "mfcc", "1", Settings().sample_rate
    dim = MFCC_STATISTICS.stop - MFCC_STATISTICS.start

    def extract(self, samples: Floats) -> Floats:
        return vector_of_mel(self, encoded_mel([samples], Settings()), Settings(), "samples")

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:  # noqa: ARG002 - of the protocol
        return statistics_of_blocks(blocks)[MFCC_STATISTICS]


class Signature:
    """Fingerprint of the recording that is robust to re-encoding, (257,); see spectrograms/signature.py."""

    kind, dim, version, sample_rate_hz = "signature", SIGNATURE_DIM, "1", Settings().sample_rate

    def extract(self, samples: Floats) -> Floats:
        return vector_of_mel(self, encoded_mel([samples], Settings()), Settings(), "samples")

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:
        in_decibels = _power_decibels(settings)
        return signature_of_blocks(block * in_decibels for block in blocks)


class AcousticFingerprint:
    """Signs that identify a recording at any offset, (384,); see spectrograms/acoustic_fingerprint.py."""

    kind, dim, version, sample_rate_hz = "acoustic-fingerprint", FINGERPRINT_DIM, "1", Settings().sample_rate

    def extract(self, samples: Floats) -> Floats:
        return vector_of_mel(self, encoded_mel([samples], Settings()), Settings(), "samples")

    def extract_mel(self, blocks: Iterator[Floats], settings: Settings) -> Floats:
        in_decibels = _power_decibels(settings)
        return fingerprint_of_blocks(block * in_decibels for block in blocks)


SCANNED: tuple[_Scanned, ...] = (Statistics(), Signature(), AcousticFingerprint())  # extracted by every scan
PRINT_KINDS = (Signature.kind, AcousticFingerprint.kind)  # identify recordings


def vector_of_mel(extractor: MelExtractor, mel: NDArray[Any], settings: Settings, name: Path | str) -> Floats:
    """Return the vector of encoded frames (frame, mel); AudioError, which names `name`, if it is not finite."""
    encoding = ENCODINGS[settings.front_end]
    starts = range(0, len(mel), DECODED_FRAMES)
    blocks = (encoding.decode(mel[start : start + DECODED_FRAMES]) for start in starts)
    vector = extractor.extract_mel(blocks, settings)
    if not np.isfinite(vector).all():
        raise AudioError(name, Reason.BAD_VALUES, "its spectrogram has NaN or infinity; encode the file again")
    return vector


def vectors_of(mel: NDArray[Any], settings: Settings, name: Path | str) -> tuple[Floats, Floats, Floats]:
    """Return the vectors of encoded frames (frame, mel), in the order of `SCANNED`; AudioError if one is not finite."""
    statistics, signature, fingerprint = (vector_of_mel(extractor, mel, settings, name) for extractor in SCANNED)
    return statistics, signature, fingerprint


def _power_decibels(settings: Settings) -> Floats:
    """Return factors (mel,) that convert a front end's numbers to decibels of power; `parity` has magnitudes."""
    if settings.front_end == "standard":
        return np.ones(settings.n_mels, np.float32)
    return -2.0 * np.float32(TOP_DB) / silent_frame(settings)
