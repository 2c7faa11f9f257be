"""Find the cover of a file and make it a small JPEG, with Pillow.

The server calls `cover_thumbnail` in a process with limits (ingest/limited.py): a frame of tags may grow a thousand
times when it is unpacked, and so may a picture.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from unheard.ingest.cover_art import find_cover

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000  # of the original
QUALITY = 75


def cover_thumbnail(path: Path, size: int) -> bytes | None:
    """Return the cover of an audio file as a JPEG, `size` pixels wide and high; None if it has none to decode."""
    data = find_cover(path, is_picture)
    return None if data is None else thumbnail(data, size)


def is_picture(data: bytes) -> bool:
    """Return whether Pillow knows the format of a picture and its size is below MAX_PIXELS."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return 0 < image.width * image.height <= MAX_PIXELS
    except Exception:  # noqa: BLE001 - a damaged picture makes Pillow raise any exception
        return False


def thumbnail(data: bytes, size: int) -> bytes | None:
    """Return a picture as a JPEG of `size` by `size` pixels, cut to a square; None if it cannot be decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.draft("RGB", (2 * size, 2 * size))
                upright = ImageOps.exif_transpose(image).convert("RGB")
                fitted = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        fitted.save(out, "JPEG", quality=QUALITY, optimize=True)
    except Exception:  # noqa: BLE001
        return None
    return out.getvalue()
