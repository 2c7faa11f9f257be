"""Extraction of everything that a scan stores of one audio file, in one pass over its samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.features.mel_features import vectors_of
from unheard.ingest.audio import decode_blocks
from unheard.ingest.tags import read_tags
from unheard.library import Track
from unheard.spectrograms.files import CountedBlocks, encode
from unheard.spectrograms.front_end import mel_db
from unheard.workspace import Settings


@dataclass(frozen=True)
class ExtractedAudio:
    """What a scan stores of one track. Its vectors come from the stored frames, so that anyone can redo them."""

    mel: NDArray[Any]  # (frame, mel), encoded
    statistics: NDArray[np.float32]
    signature: NDArray[np.float32]
    duration_s: float
    tags: Track


def extract_audio(path: Path, settings: Settings) -> ExtractedAudio:
    """Decode a file and compute everything; AudioError as `decode_blocks` raises it."""
    counted = CountedBlocks(decode_blocks(path, sample_rate=settings.sample_rate))
    mel = encode(mel_db(counted, settings), settings)
    statistics, signature = vectors_of(mel, settings, path)
    return ExtractedAudio(mel, statistics, signature, counted.n_samples / settings.sample_rate, read_tags(path))
