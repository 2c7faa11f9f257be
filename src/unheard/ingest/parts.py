"""Find the parts of a file that was joined from several, such as a recorded stream with one part for every song.

FFmpeg decodes all frames of joined MP3, AAC and FLAC files by itself. It decodes only the first part of a joined WAV,
AIFF or WavPack file, and of an Ogg file whose parts (RFC 3533 calls it a chain) differ in sample rate or codec.

    Ogg             a part begins with pages that have the flag "beginning of stream", after pages that have not
    WAV, AIFF       a chunk RIFF or FORM after the end of the first one
    WavPack         a block with audio and sample index 0, after other blocks with audio
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

Part = tuple[int, int]  # first byte, and the byte after the last one
BEGINNING_OF_STREAM = 2
WAVPACK_INITIAL_BLOCK = 1 << 11
ID3V1_BYTES = 128


def parts_of(path: Path) -> list[Part]:
    """Return the byte ranges of a file's parts in order; one for a file that was not joined. OSError if unreadable."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        starts_in = {b"OggS": _ogg_starts, b"RIFF": _chunk_starts, b"FORM": _chunk_starts, b"wvpk": _wavpack_starts}
        starts = starts_in.get(file.read(4), lambda _: [])(file)
    return list(zip([0, *starts], [*starts, size], strict=True))


def _ogg_starts(file: BinaryIO) -> list[int]:
    starts: list[int] = []
    position, in_data = 0, False
    while True:
        file.seek(position)
        header = file.read(27)
        if len(header) < 27 or header[:4] != b"OggS":
            return starts
        begins = bool(header[5] & BEGINNING_OF_STREAM)
        if begins and in_data:
            starts.append(position)
        in_data = not begins
        position += 27 + header[26] + sum(file.read(header[26]))


def _chunk_starts(file: BinaryIO) -> list[int]:
    starts: list[int] = []
    position = 0
    while True:
        file.seek(position)
        header = file.read(12)
        order = "<" if header[:4] == b"RIFF" else ">"
        if len(header) < 12 or header[:4] not in {b"RIFF", b"FORM"} or header[8:] not in {b"WAVE", b"AIFF", b"AIFC"}:
            return starts
        starts += [position] if position else []
        size = struct.unpack(f"{order}I", header[4:8])[0]
        position += 8 + size + size % 2


def _wavpack_starts(file: BinaryIO) -> list[int]:
    starts: list[int] = []
    position, has_audio = 0, False
    while True:
        file.seek(position)
        header = file.read(32)
        if header[:8] == b"APETAGEX":  # at the end of the part before
            position += 32 + struct.unpack("<I", header[12:16])[0]
            continue
        if header[:3] == b"TAG":
            position += ID3V1_BYTES
            continue
        if len(header) < 32 or header[:4] != b"wvpk":
            return starts
        size, _, index_high, _, index_low, n_samples, flags = struct.unpack("<IHBBxxxxIII", header[4:28])
        first = not index_low and not index_high and n_samples and flags & WAVPACK_INITIAL_BLOCK
        if first and has_audio:
            starts.append(position)
        has_audio = has_audio or bool(n_samples)
        position += 8 + size


class FilePart(io.RawIOBase):
    """A byte range of a file, read as if it were a file of its own."""

    def __init__(self, path: Path, part: Part) -> None:
        self._file, (self._start, self._end) = path.open("rb"), part
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._start - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end - self._start}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()
