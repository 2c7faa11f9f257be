"""Everything that is kept of one audio file, in one pass over its samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.features.mel_features import Signature, Statistics, vector_of_mel
from unheard.ingest.audio import decode_blocks
from unheard.ingest.tags import read_tags
from unheard.library import Track
from unheard.spectrograms.front_end import mel_db
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings


@dataclass(frozen=True)
class Heard:
    """What a scan stores of one track. Its vectors come from the stored frames, so that anyone can redo them."""

    mel: NDArray[Any]  # (frame, mel), encoded
    statistics: NDArray[np.float32]
    signature: NDArray[np.float32]
    duration_s: float
    tags: Track


def hear_file(path: Path, settings: Settings) -> Heard:
    """Decode a file and compute everything; AudioError as `decode_blocks` raises it."""
    counted = _Counted(decode_blocks(path, sample_rate=settings.sample_rate))
    mel = encode(mel_db(counted, settings), settings)
    statistics, signature = vectors_of(mel, settings, path)
    return Heard(mel, statistics, signature, counted.n_samples / settings.sample_rate, read_tags(path))


def mel_of_file(path: Path, settings: Settings) -> NDArray[Any]:
    """The mel spectrogram of a file, (frame, mel), encoded as the store of a workspace with these settings keeps it."""
    return encode(mel_db(decode_blocks(path, sample_rate=settings.sample_rate), settings), settings)


def encode(blocks: Iterable[NDArray[np.float32]], settings: Settings) -> NDArray[Any]:
    """Encode mel decibels block by block: an hour takes 20 MB in `standard`, while its samples would take 320."""
    encoded = list(_encoded(blocks, settings))
    return np.concatenate(encoded) if encoded else np.empty((0, settings.n_mels), ENCODINGS[settings.front_end].dtype)


def _encoded(blocks: Iterable[NDArray[np.float32]], settings: Settings) -> Iterator[NDArray[Any]]:
    encoding = ENCODINGS[settings.front_end]
    return (encoding.encode(block) for block in blocks)


def vectors_of(
    mel: NDArray[Any], settings: Settings, name: Path | str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Statistics and signature of encoded frames (frame, mel); AudioError if they are not finite."""
    return vector_of_mel(Statistics(), mel, settings, name), vector_of_mel(Signature(), mel, settings, name)


class _Counted:
    """Blocks that pass through, and how many samples they were."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks, self.n_samples = blocks, 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.n_samples += len(block)
            yield block
