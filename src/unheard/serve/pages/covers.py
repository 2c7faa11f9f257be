"""The cover of a track as a small JPEG; the picture of its record for a track without one.

Pillow decodes a cover, whatever its name says, and writes it again: nothing but pictures can leave the server.
"""

from __future__ import annotations

from fastapi import APIRouter, Response

from unheard.errors import UserError
from unheard.ingest.limited import limited
from unheard.library import Track
from unheard.serve.pages.layout import CurrentSnapshot
from unheard.serve.pages.media import FRAMES_A_COLUMN, blank_record, picture, stored_spectrogram
from unheard.serve.pages.pictures import record
from unheard.serve.pages.views import show_row
from unheard.serve.queries import NotFoundError, file_of, row_of
from unheard.serve.snapshot import Snapshot
from unheard.serve.thumbnails import cover_thumbnail, thumbnail

router = APIRouter()

SIZES = (112, 240, 480)  # pixels of a side


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
    try:
        return limited(cover_thumbnail, path, size)
    except UserError:  # damaged or hostile: like a file without a cover
        return None


def _placeholder(snapshot: Snapshot, row: int, size: int) -> bytes:
    """Return the record of a track as a JPEG, which is smaller than a PNG of it."""
    db = stored_spectrogram(snapshot, row, max_frames=FRAMES_A_COLUMN * round(2.2 * size))
    drawn = blank_record(size, cold=False) if db is None else record(db, size=size, cold=show_row(snapshot, row).cold)
    return thumbnail(drawn, size) or drawn
