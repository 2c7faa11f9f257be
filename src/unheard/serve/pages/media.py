"""Pictures and audio of a track: its record, mel spectrogram, loudness outline and file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from unheard.errors import MissingStageError
from unheard.library import Tracks
from unheard.serve.api import tracks
from unheard.serve.http_caching import PICTURE
from unheard.serve.pages.layout import CurrentSnapshot
from unheard.serve.pages.pictures import mel_picture, outline, record
from unheard.serve.pages.views import show_row
from unheard.serve.queries import NotFoundError, row_of
from unheard.serve.snapshot import Snapshot
from unheard.spectrograms.store import MelStore, open_store

router = APIRouter()

SIZES = (56, 80, 112, 360)  # of records, in pixels
MEL_WIDTH = 720
OUTLINE_COLUMNS = 480
FRAMES_A_COLUMN = 4  # read for a small picture; more would make no visible difference


@router.get("/pictures/record")
def record_picture(snapshot: CurrentSnapshot, id: str, size: int = SIZES[2], cold: int = 0) -> Response:  # noqa: A002 - in the address
    """Return the picture of a track as a record."""
    row = row_of(snapshot, id)
    size = min(SIZES, key=lambda known: abs(known - size))
    db = stored_spectrogram(snapshot, row, max_frames=FRAMES_A_COLUMN * round(2.2 * size))
    if db is None:
        return picture(blank_record(size, cold=bool(cold)))
    return picture(snapshot.cached(("record", row, size, cold), lambda: record(db, size=size, cold=bool(cold))))


@router.get("/pictures/mel")
def whole_mel(snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002
    """Return the mel spectrogram of a track as a picture."""
    row = row_of(snapshot, id)
    db = stored_spectrogram(snapshot, row, max_frames=FRAMES_A_COLUMN * MEL_WIDTH)
    if db is None:
        raise NotFoundError("no spectrogram of this track is stored")
    cold = show_row(snapshot, row).cold
    height = db.shape[1]
    return picture(snapshot.cached(("mel", row), lambda: mel_picture(db, width=MEL_WIDTH, height=height, cold=cold)))


@router.get("/pictures/outline")
def loudness(snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002
    """Return the loudness of bass, middle and treble, one byte each, by column; empty without a spectrogram."""
    row = row_of(snapshot, id)

    def make() -> bytes:
        db = stored_spectrogram(snapshot, row)
        return b"" if db is None else np.rint(255 * outline(db, OUTLINE_COLUMNS)).astype(np.uint8).tobytes()

    return picture(snapshot.cached(("outline", row), make), "application/octet-stream")


@router.get("/sound")
def sound(request: Request, snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002
    """Return a track's audio file or a range of it. Unlike the path of the API, this address can hold any id."""
    return tracks.audio(request, snapshot, id)


def stored_spectrogram(snapshot: Snapshot, row: int, *, max_frames: int | None = None) -> NDArray[np.float32] | None:
    """Return the stored spectrogram of a track in decibels, (frame, mel), or None if there is none.

    Every k-th frame is read, so that about `max_frames` remain.
    """
    store = snapshot.table("mel store", lambda: _store(snapshot))
    track_id = snapshot.catalogue.tracks.ids[row]
    if store is None or track_id not in store.ids:
        return None
    stored_row = store.ids.row(track_id)
    n = int(store.n_frames[stored_row])
    step = max(1, n // max_frames) if max_frames else 1
    return store.encoding.decode(store.frames(stored_row)[::step]) if n else None


def _store(snapshot: Snapshot) -> MelStore | None:
    try:
        return open_store(snapshot.default.workspace, SourceHashes(snapshot.catalogue.tracks))
    except MissingStageError:
        return None


@dataclass(frozen=True)
class SourceHashes(Mapping[str, str]):
    """The source hash of each track of a snapshot, by its id, read when it is asked for."""

    tracks: Tracks

    def source_hashes(self) -> Self:
        return self

    def __getitem__(self, track_id: str) -> str:
        return self.tracks[self.tracks.ids.row(track_id)].source_hash

    def __iter__(self) -> Iterator[str]:
        return iter(self.tracks.ids)

    def __len__(self) -> int:
        return len(self.tracks)


@cache
def blank_record(size: int, *, cold: bool) -> bytes:
    """Return the record of a track without a spectrogram: silence."""
    return record(np.zeros((8, 8), np.float32), size=size, cold=cold)


def picture(content: bytes, kind: str = "image/png") -> Response:
    return Response(content, media_type=kind, headers={"cache-control": PICTURE})
