"""Extract everything that a scan stores of one audio file, in one pass over its samples.

That is the mel spectrogram, the features of every track (statistics, signature), the duration and the tags. Features of
any kinds, without spectrogram and tags, are extracted by features/extraction.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.features.mel_features import vectors_of
from unheard.ingest.audio import decode_blocks
from unheard.ingest.tags import read_tags
from unheard.library import Track
from unheard.spectrograms.files import encoded_mel
from unheard.workspace import Settings


@dataclass(frozen=True)
class ExtractedAudio:
    """What a scan stores of one track. The vectors are computed from the encoded frames, so they can be recomputed."""

    mel: NDArray[Any]  # (frame, mel), encoded
    statistics: Floats  # (558,)
    signature: Floats  # (257,)
    duration_s: float
    tags: Track


def extract_audio(path: Path, settings: Settings) -> ExtractedAudio:
    """Decode a file and return what a scan stores of it; AudioError as `decode_blocks` raises it."""
    counted = _CountedBlocks(decode_blocks(path, sample_rate=settings.sample_rate))
    mel = encoded_mel(counted, settings)
    statistics, signature = vectors_of(mel, settings, path)
    return ExtractedAudio(mel, statistics, signature, counted.n_samples / settings.sample_rate, read_tags(path))


class _CountedBlocks:
    """Iterate over blocks of samples and count the samples."""

    def __init__(self, blocks: Iterable[Floats]) -> None:
        self._blocks, self.n_samples = blocks, 0

    def __iter__(self) -> Iterator[Floats]:
        for block in self._blocks:
            self.n_samples += len(block)
            yield block
