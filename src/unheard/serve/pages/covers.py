"""The cover of a track as a small JPEG; the picture of its record for a track without one.

Pillow decodes a cover, whatever its name says, and writes it again: nothing but pictures can leave the server.
"""

from __future__ import annotations

import io
import warnings

from fastapi import APIRouter, Response
from PIL import Image, ImageOps

from unheard.ingest.cover_art import find_cover
from unheard.library import Track
from unheard.serve.pages.layout import CurrentSnapshot
from unheard.serve.pages.media import FRAMES_A_COLUMN, blank_record, picture, stored_spectrogram
from unheard.serve.pages.pictures import record
from unheard.serve.pages.views import show_row
from unheard.serve.queries import NotFoundError, file_of, row_of
from unheard.serve.snapshot import Snapshot

router = APIRouter()

SIZES = (112, 240, 480)  # pixels of a side
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 50_000_000  # of the original
QUALITY = 75


@router.get("/pictures/cover")
def cover(snapshot: CurrentSnapshot, id: str, size: int = SIZES[1]) -> Response:  # noqa: A002 - in the address
    """Return the cover of a track, `size` pixels wide, or the picture of its record."""
    return picture(cover_or_record(snapshot, id, size), "image/jpeg")


def cover_or_record(snapshot: Snapshot, track_id: str, size: int) -> bytes:
    """Return the cover of a track as a JPEG of about this size, or the picture of its record."""
    size = min(SIZES, key=lambda known: abs(known - size))
    found = cover_of(snapshot, track_id, size)
    if found is None:
        row = row_of(snapshot, track_id)
        found = snapshot.cached(("cover placeholder", row, size), lambda: _placeholder(snapshot, row, size))
    return found


def cover_of(snapshot: Snapshot, track_id: str, size: int) -> bytes | None:
    """Return the cover of a track as a JPEG, or None if it has none that can be decoded."""
    row = row_of(snapshot, track_id)
    return snapshot.cached(("cover", row, size), lambda: _cover(snapshot, snapshot.catalogue.tracks[row], size))


def _cover(snapshot: Snapshot, track: Track, size: int) -> bytes | None:
    try:
        path = file_of(snapshot, track.track_id)
    except NotFoundError:
        return None
    data = find_cover(path, is_picture)
    return None if data is None else thumbnail(data, size)


def _placeholder(snapshot: Snapshot, row: int, size: int) -> bytes:
    """Return the record of a track as a JPEG, which is smaller than a PNG of it."""
    db = stored_spectrogram(snapshot, row, max_frames=FRAMES_A_COLUMN * round(2.2 * size))
    drawn = blank_record(size, cold=False) if db is None else record(db, size=size, cold=show_row(snapshot, row).cold)
    return thumbnail(drawn, size) or drawn


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
