"""Hash the encoded audio of a file without its tags, so that a file is known again after it was tagged and moved.

FFmpeg reads the packets of the first audio stream; nothing is decoded. The hash covers their bytes and the codec's
name, but not how they are divided into packets. Tags, cover pictures, padding and the file's name do not matter.
FFmpeg takes APEv2 tags at the end of MP3 and AAC for audio, so reading ends before them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, BinaryIO, cast

from unheard.ingest.decoders import open_container

ID3V1_BYTES, APE_FOOTER_BYTES = 128, 32
APE_HAS_HEADER = 1 << 31


def audio_hash(path: Path) -> str:
    """Return the BLAKE2b hash of a file's audio packets in 32 hexadecimal digits; "" if FFmpeg cannot read them all."""
    import av

    digest, n_bytes = hashlib.blake2b(digest_size=16), 0
    try:
        with path.open("rb") as file:
            end = audio_end(file)
            # FFmpeg reads a path itself faster.
            with open_container(
                path if end == path.stat().st_size else cast("BinaryIO", _Head(file, end))
            ) as container:
                n_bytes = _update(digest, container)
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return ""
    return digest.hexdigest() if n_bytes else ""


class PacketHash:
    """The same hash, from packets that are read while the file is decoded (`on_packet` of ingest/audio.py)."""

    def __init__(self) -> None:
        self._digest, self._n_bytes, self._ended = hashlib.blake2b(digest_size=16), 0, False

    def __call__(self, packet: Any) -> None:
        if packet is None:
            self._ended = True
            return
        if not self._n_bytes:
            self._digest.update(packet.stream.codec_context.name.encode())
        self._digest.update(packet)
        self._n_bytes += packet.size

    def of(self, path: Path) -> str:
        """Return what `audio_hash` returns; read the file again if not all packets came, or tags are at its end."""
        with path.open("rb") as file:
            tagged = audio_end(file) != path.stat().st_size
        return self._digest.hexdigest() if self._ended and self._n_bytes and not tagged else audio_hash(path)


def _update(digest: Any, container: Any) -> int:
    """Add the packets of a file to the digest; return the number of their bytes."""
    stream, n_bytes = container.streams.audio[0], 0
    if stream.codec_context is None:  # an unknown codec
        return 0
    digest.update(stream.codec_context.name.encode())
    for packet in container.demux(stream):
        digest.update(packet)
        n_bytes += packet.size
    return n_bytes


def audio_end(file: BinaryIO) -> int:
    """Return the offset in bytes of ID3v1 and APEv2 tags at the end of a file, or its size without them."""
    end = file.seek(0, os.SEEK_END)
    for _ in range(2):  # an APEv2 tag is before an ID3v1 tag, or the only one
        if _bytes_at(file, end - ID3V1_BYTES, 3) == b"TAG":
            end -= ID3V1_BYTES
        footer = _bytes_at(file, end - APE_FOOTER_BYTES, APE_FOOTER_BYTES)
        if footer[:8] == b"APETAGEX":
            n_bytes, flags = int.from_bytes(footer[12:16], "little"), int.from_bytes(footer[20:24], "little")
            n_bytes += APE_FOOTER_BYTES if flags & APE_HAS_HEADER else 0
            end -= n_bytes if APE_FOOTER_BYTES <= n_bytes <= end else 0
    file.seek(0)
    return end


def _bytes_at(file: BinaryIO, offset: int, n: int) -> bytes:
    if offset < 0:
        return b""
    file.seek(offset)
    return file.read(n)


class _Head:
    """The first bytes of a file, as a file that FFmpeg can read."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end

    def read(self, n: int) -> bytes:
        return self._file.read(max(0, min(n, self._end - self._file.tell())))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            return self._file.seek(self._end + offset)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
