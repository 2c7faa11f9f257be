"""Extract everything that a scan stores of one audio file, in one pass over its samples.

That is the mel spectrogram, the features of every track (statistics, signature, acoustic fingerprint), the duration,
the tags and the hash of the encoded audio. Features of any kinds, without spectrogram and tags, are extracted by
features/extraction.py.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from unheard.arrays import Floats
from unheard.features.mel_features import vectors_of
from unheard.ingest.audio import MISSING_SHARE, decode_blocks
from unheard.ingest.audio_hash import PacketHash, audio_hash
from unheard.ingest.tags import read_tags
from unheard.library import Track
from unheard.spectrograms.files import encoded_mel
from unheard.spectrograms.shards import StoredMel
from unheard.workspace import Settings


@dataclass(frozen=True)
class ExtractedAudio:
    """What a scan stores of one track. The vectors are computed from the encoded frames, so they can be recomputed."""

    mel: NDArray[Any] | StoredMel  # (frame, mel), encoded, or where a task of a cluster has stored it
    statistics: Floats  # (558,)
    signature: Floats  # (257,)
    fingerprint: Floats  # (384,)
    duration_s: float
    tags: Track
    audio_hash: str = ""
    lost_share: float = 0.0  # of the declared length, if the file is damaged


@dataclass(frozen=True)
class KnownAudio:
    """A file whose audio is stored already; it was not decoded."""

    audio_hash: str
    tags: Track


def extract_unless_known(
    path: Path,
    settings: Settings,
    known_audio: Collection[str],
    root: Path | None = None,
    max_lost: float = MISSING_SHARE,
) -> ExtractedAudio | KnownAudio:
    """Return what `extract_audio` returns; a file whose audio hash is one of `known_audio` is not decoded."""
    if known_audio and path.is_file() and (hashed := audio_hash(path)) in known_audio:
        return KnownAudio(hashed, read_tags(path, root=root))
    return extract_audio(path, settings, root, max_lost)


def extract_audio(
    path: Path, settings: Settings, root: Path | None = None, max_lost: float = MISSING_SHARE
) -> ExtractedAudio:
    """Decode a file and return what a scan stores of it; AudioError as `decode_blocks` raises it.

    root      the scanned folder, for names of folders in place of tags
    max_lost  share of the sound that a damaged file may lack
    """
    packets = PacketHash()
    counted = _CountedBlocks(
        decode_blocks(path, sample_rate=settings.sample_rate, max_lost=max_lost, on_packet=packets)
    )
    mel = encoded_mel(counted, settings)
    vectors, duration_s = vectors_of(mel, settings, path), counted.n_samples / settings.sample_rate
    tags = read_tags(path, root=root)
    return ExtractedAudio(mel, *vectors, duration_s, tags, packets.of(path), counted.lost_share)


class _CountedBlocks:
    """Iterate over blocks of samples, count the samples, and keep the lost share."""

    def __init__(self, blocks: Generator[Floats, None, float]) -> None:
        self._blocks, self.n_samples, self.lost_share = blocks, 0, 0.0

    def __iter__(self) -> Iterator[Floats]:
        while True:
            try:
                block = next(self._blocks)
            except StopIteration as end:
                self.lost_share = end.value
                return
            self.n_samples += len(block)
            yield block
