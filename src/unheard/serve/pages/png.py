"""Write palette images as PNG files with zlib alone (PNG specification, third edition, sections 5 and 11)."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE_COLOURS = 3  # the colour type whose pixels are indices


def palette_png(pixels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return a PNG of `pixels` (height, width), indices into `palette` (n, 3) of at most 256 RGB colours."""
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, PALETTE_COLOURS, 0, 0, 0)
    lines = np.zeros((height, width + 1), np.uint8)  # the first byte of a line is its filter, 0 for none
    lines[:, 1:] = pixels
    parts = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(lines.tobytes(), 9)))
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in (*parts, (b"IEND", b"")))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
