"""Mel spectrograms of audio files as the store keeps them, and the vectors that are computed from stored frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError, Reason
from unheard.ingest.audio import decode_at_rates, decode_blocks
from unheard.spectrograms import musicnn_mel
from unheard.spectrograms.front_end import TOP_DB, mel_db, silent_frame
from unheard.spectrograms.signature import signature_of_blocks
from unheard.spectrograms.statistics import statistics_of_blocks
from unheard.spectrograms.store import ENCODINGS
from unheard.workspace import Settings

DECODED_FRAMES = 512  # frames that are held as floats at a time: they stay in a core's cache


def mel_of_file(path: Path, settings: Settings) -> NDArray[Any]:
    """The mel spectrogram of a file, (frame, mel), encoded as the store of a workspace with these settings keeps it."""
    return encode(mel_db(decode_blocks(path, sample_rate=settings.sample_rate), settings), settings)


def patches_and_mel(path: Path, settings: Settings, mel: list[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
    """Yield MusiCNN's patches of a file as `patches_of_file` does, decoding it once for these and for `mel`.

    The blocks of `mel_of_file` are appended to `mel` at the same pace; they are complete when the patches end.
    """
    rates = settings.sample_rate, musicnn_mel.SETTINGS.sample_rate
    ours, theirs = (CountedBlocks(side) for side in _apart(decode_at_rates(path, sample_rates=rates)))
    encoded = _encoded(mel_db(ours, settings), settings)
    for patch in musicnn_mel.patches(musicnn_mel.log_mel(theirs)):
        while ours.n_samples * rates[1] < theirs.n_samples * rates[0]:
            block = next(encoded, None)
            if block is None:
                break
            mel.append(block)
        yield patch
    mel.extend(encoded)


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
    in_decibels = _power_decibels(settings)
    signature = signature_of_blocks(block * in_decibels for block in _decoded(mel, settings))
    return statistics_of_mel(mel, settings, name), _finite(signature, name)


def statistics_of_mel(mel: NDArray[Any], settings: Settings, name: Path | str) -> NDArray[np.float32]:
    """Statistics of encoded frames alone."""
    return _finite(statistics_of_blocks(_decoded(mel, settings)), name)


def _finite(vector: NDArray[np.float32], name: Path | str) -> NDArray[np.float32]:
    if not np.isfinite(vector).all():
        raise AudioError(name, Reason.BAD_VALUES, "its spectrogram has NaN or infinity; encode the file again")
    return vector


def _power_decibels(settings: Settings) -> NDArray[np.float32]:
    """What makes decibels of power of a front end's numbers, (mel,): `parity` sums decibels of magnitudes in a band."""
    if settings.front_end == "standard":
        return np.ones(settings.n_mels, np.float32)
    return -2.0 * np.float32(TOP_DB) / silent_frame(settings)


def _decoded(mel: NDArray[Any], settings: Settings) -> Iterator[NDArray[np.float32]]:
    encoding = ENCODINGS[settings.front_end]
    for start in range(0, len(mel), DECODED_FRAMES):
        yield encoding.decode(mel[start : start + DECODED_FRAMES])


def _apart(
    pairs: Iterator[tuple[NDArray[np.float32], ...]],
) -> tuple[Iterator[NDArray[np.float32]], Iterator[NDArray[np.float32]]]:
    """First and second blocks, each to be drawn on its own. What only one side has had waits for the other."""
    waiting: tuple[deque[NDArray[np.float32]], ...] = deque(), deque()

    def side(mine: deque[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        while True:
            if not mine:
                pair = next(pairs, None)
                if pair is None:
                    return
                for queue, block in zip(waiting, pair, strict=True):
                    queue.append(block)
            yield mine.popleft()

    return side(waiting[0]), side(waiting[1])


class CountedBlocks:
    """Iterate over blocks, counting their samples."""

    def __init__(self, blocks: Iterable[NDArray[np.float32]]) -> None:
        self._blocks, self.n_samples = blocks, 0

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for block in self._blocks:
            self.n_samples += len(block)
            yield block
