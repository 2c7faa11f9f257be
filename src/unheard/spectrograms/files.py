"""Mel spectrograms of audio files, encoded as the store keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.ingest.audio import decode_blocks
from unheard.spectrograms.front_end import mel_db
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings


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


class CountedBlocks:
    """Iterate over blocks, counting their samples."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks, self.n_samples = blocks, 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.n_samples += len(block)
            yield block
