"""Mel spectrograms of samples and of audio files, encoded as the mel store keeps them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.ingest.audio import decode_blocks
from unheard.ingest.excerpts import decode_excerpts
from unheard.spectrograms.front_end import mel_db
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings


def encode(blocks: Iterable[Floats], settings: Settings) -> NDArray[Any]:
    """Encode mel decibels block by block, so that an hour needs 20 MB in `standard`; its samples would need 320 MB."""
    encoding = ENCODINGS[settings.front_end]
    encoded = [encoding.encode(block) for block in blocks]
    return np.concatenate(encoded) if encoded else np.empty((0, settings.n_mels), encoding.dtype)


def encoded_mel(blocks: Iterable[Floats], settings: Settings) -> NDArray[Any]:
    """Return the encoded mel spectrogram of blocks of samples, (frame, mel)."""
    return encode(mel_db(blocks, settings), settings)


def mel_of_file(path: Path, settings: Settings, *, quick: bool = False) -> NDArray[Any]:
    """Return the encoded mel spectrogram of an audio file, (frame, mel); AudioError as `decode_blocks` raises it.

    quick  of excerpts of a long file only (ingest/excerpts.py)
    """
    if quick:
        return encoded_mel((block for (block,) in decode_excerpts(path, sample_rates=[settings.sample_rate])), settings)
    return encoded_mel(decode_blocks(path, sample_rate=settings.sample_rate), settings)
