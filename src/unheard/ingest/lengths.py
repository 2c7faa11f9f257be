"""Read the declared length of WAV, MP3 and Ogg files, to detect truncation.

FFmpeg and libsndfile only report the length of the data that exists.

WAV   size of the data chunk (RIFF, RF64) over the byte rate; FFmpeg limits it to the file's size.
MP3   frame count of the Xing, Info or VBRI header (the first frame). Without one no length is declared, so a truncated
      constant-bitrate MP3 cannot be distinguished from a complete one.
Ogg   declares no length, but a truncated file ends inside a page, whose header has the position of its end. A file
      truncated exactly between two pages (1 in some thousand) cannot be distinguished from a recorded stream.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from unheard.ingest.containers import RATES_HZ

STREAMED_FROM = 0x7FFF_0000  # programs that write WAV to a pipe declare this size or a larger one
SEARCH_BYTES = 65_536


@dataclass(frozen=True)
class Declared:
    """`seconds` is the declared length (0 if unknown); `cut` if the structure shows that the end is missing."""

    seconds: float
    cut: bool = False


def declared_length(path: Path) -> Declared | None:
    """Return the declared length of a WAV, MP3 or Ogg file; None for other formats and without a declaration.

    Damaged content does not raise; OSError is raised if the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        try:
            if head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE":
                return _wav(file)
            if head[:4] == b"OggS":
                return _ogg(file)
            return _mp3(file, head)
        except (struct.error, IndexError, ZeroDivisionError):
            return None


def _wav(file: BinaryIO) -> Declared | None:
    byte_rate, size64 = 0, 0
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            size = size64 if size == 0xFFFF_FFFF and size64 else size
            known = 0 < size < STREAMED_FROM or size == size64 > 0
            return Declared(size / byte_rate) if known else None
        body_start = file.tell()
        if name == b"fmt ":
            byte_rate = struct.unpack("<HHII", file.read(12))[3]
        elif name == b"ds64":
            size64 = struct.unpack("<QQ", file.read(16))[1]
        file.seek(body_start + size + size % 2)
    return None


# ------------------------------------------------------------------------------------------------------------ Ogg


def _ogg(file: BinaryIO) -> Declared | None:
    """Check whether the last page is complete, and where it would end."""
    rate, pre_skip = _ogg_rate(file)
    length = file.seek(0, 2)
    start = max(0, length - 2 * SEARCH_BYTES)
    file.seek(start)
    tail = file.read()
    last = tail.rfind(b"OggS")
    if last < 0:
        return None
    page = tail[last:]
    n_segments = page[26] if len(page) > 26 else 0
    whole = 27 + n_segments + sum(page[27 : 27 + n_segments])
    if len(page) >= max(whole, 27 + n_segments, 27):
        return None
    granule = struct.unpack("<q", page[6:14])[0] if len(page) >= 14 else -1
    return Declared(max(0.0, (granule - pre_skip) / rate) if granule > 0 and rate else 0.0, cut=True)


def _ogg_rate(file: BinaryIO) -> tuple[int, int]:
    """Return granules per second, and before the first sample, from the first page; (0, 0) if unknown."""
    file.seek(0)
    first = file.read(512)
    packet = first[27 + first[26] :]
    if packet[:7] == b"\x01vorbis":
        return struct.unpack("<I", packet[12:16])[0], 0
    if packet[:8] == b"OpusHead":
        return 48_000, struct.unpack("<H", packet[10:12])[0]
    if packet[:5] == b"\x7fFLAC":
        return int.from_bytes(packet[27:30], "big") >> 4, 0
    return 0, 0


# ------------------------------------------------------------------------------------------------------------ MP3

MPEG_1 = 3
LAYER_3 = 1
MONO = 3


def _mp3(file: BinaryIO, head: bytes) -> Declared | None:
    start = 0
    if head[:3] == b"ID3":
        size = 0
        for byte in head[6:10]:  # seven bits a byte
            size = size << 7 | byte & 0x7F
        start = 10 + size + (10 if head[5] & 0x10 else 0)
    file.seek(start)
    data = file.read(SEARCH_BYTES)
    at = -1
    while (at := data.find(b"\xff", at + 1)) >= 0:
        header = data[at : at + 4]
        if len(header) == 4 and _is_layer_3(header):
            return _frame_count(data[at : at + 512], header)
    return None


def _is_layer_3(header: bytes) -> bool:
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    return header[1] & 0xE0 == 0xE0 and version != 1 and layer == LAYER_3 and 0 < bitrate < 15 and rate != 3


def _frame_count(frame: bytes, header: bytes) -> Declared | None:
    version, rate = header[1] >> 3 & 3, header[2] >> 2 & 3
    mono = header[3] >> 6 == MONO
    side_info = (17 if mono else 32) if version == MPEG_1 else (9 if mono else 17)
    samples_per_frame = 1152 if version == MPEG_1 else 576
    xing = frame[4 + side_info :]
    n_frames = 0
    if xing[:4] in {b"Xing", b"Info"} and xing[7] & 1:
        n_frames = struct.unpack(">I", xing[8:12])[0]
    elif frame[36:40] == b"VBRI":
        n_frames = struct.unpack(">I", frame[50:54])[0]
    return Declared(n_frames * samples_per_frame / RATES_HZ[version][rate]) if n_frames else None
