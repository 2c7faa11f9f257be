"""The mel store: every track's mel spectrogram back to back in one file, read through a memory map.

`mels.bin` is (frame, mel) row-major, so a patch of consecutive frames is one contiguous read and needs no
decompression. A stored value q means `offset_db + step_db * q`. The index (start frame and frame count of each track)
is in the library; bytes behind the last committed track are left over from a kill and are cut off by the next writer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unheard.errors import MissingStageError, UserError
from unheard.ids import IdMap
from unheard.library import Library
from unheard.spectrograms.front_end import silent_frame
from unheard.workspace import FrontEndName, Settings, Workspace


@dataclass(frozen=True)
class Encoding:
    """How a front end's decibels are stored."""

    dtype: np.dtype[Any]
    offset_db: float
    step_db: float

    def encode(self, mel_db: NDArray[np.float32]) -> NDArray[Any]:
        """Decibels to stored numbers; values outside the range are clipped."""
        scaled = (mel_db - self.offset_db) / self.step_db
        if self.dtype == np.uint8:
            scaled = np.clip(np.rint(scaled), 0, 255)
        return scaled.astype(self.dtype)

    def decode(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Stored numbers to decibels, float32."""
        return stored.astype(np.float32) * np.float32(self.step_db) + np.float32(self.offset_db)


# Standard: -90 .. 62.4 dB in steps of 0.6 dB, wider than 16-bit music in a 1024-point power mel spectrogram can span;
# the rounding error (at most 0.3 dB) is far below what codecs do. Parity mixes decibels of 513 bins into a mel band, a
# scale of its own, so it keeps float16.
ENCODINGS: dict[FrontEndName, Encoding] = {
    "standard": Encoding(np.dtype(np.uint8), -90.0, 0.6),
    "parity": Encoding(np.dtype(np.float16), 0.0, 1.0),
}


class MelWriter:
    """Writes spectrograms: new ones behind the last, those of tracks that are scanned again into their old place.

    One writer at a time. A kill loses at most the track being written: the library is told when the frames are on disk,
    and until then what it says of a track's file is out of date, so that the next scan writes the track once more.
    """

    def __init__(self, workspace: Workspace, library: Library) -> None:
        self._library = library
        self.encoding = ENCODINGS[workspace.settings.front_end]
        self._frame_bytes = workspace.settings.n_mels * self.encoding.dtype.itemsize
        ids, starts, counts = library.spectrograms()
        self._slots = {name: (int(start), int(n)) for name, start, n in zip(ids, starts, counts, strict=True)}
        self._end = library.stored_frames()
        self._file = workspace.mels_path.open("r+b" if workspace.mels_path.exists() else "w+b")
        self._file.truncate(self._end * self._frame_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def append(self, track_id: str, stored: NDArray[Any]) -> None:
        """Write encoded frames (frame, mel), then note them in the library (inside the caller's transaction)."""
        start, n = self._slots.get(track_id, (self._end, 0))
        if len(stored) > n:
            start = self._end
        self._file.seek(start * self._frame_bytes)
        self._file.write(np.ascontiguousarray(stored, self.encoding.dtype).data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._library.put_spectrogram(track_id, start_frame=start, n_frames=len(stored))
        self._slots[track_id] = (start, len(stored))
        self._end = max(self._end, start + len(stored))


@dataclass(frozen=True)
class MelStore:
    """Read access. Row r of `ids` has `n_frames[r]` frames from `start_frames[r]` on."""

    ids: IdMap
    start_frames: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    patch_frames: int
    encoding: Encoding
    frames: NDArray[Any]  # (all frames, mel), memory map

    def __len__(self) -> int:
        return len(self.ids)

    def n_patches(self, row: int) -> int:
        """Patches that cover a track without overlap, the last one zero-padded."""
        return max(1, -(-int(self.n_frames[row]) // self.patch_frames))

    def raw_patches(self, rows: NDArray[np.integer], starts: NDArray[np.integer]) -> NDArray[Any]:
        """Stored numbers of patches (batch, frame, mel), beginning `starts` frames into tracks `rows`.

        Frames behind the end of a track are what the front end makes of silence.
        """
        width = self.patch_frames
        out = np.empty((len(rows), width, self.frames.shape[1]), self.encoding.dtype)
        for place, (row, start) in enumerate(zip(rows, starts, strict=True)):
            here = int(self.start_frames[row]) + int(start)
            n = min(width, int(self.n_frames[row]) - int(start))
            out[place, :n] = self.frames[here : here + n]
            out[place, n:] = silence(self.encoding)
        return out

    def track_db(self, row: int) -> NDArray[np.float32]:
        """A whole track in decibels, (frame, mel)."""
        start = int(self.start_frames[row])
        return self.encoding.decode(self.frames[start : start + int(self.n_frames[row])])


@cache
def silence(encoding: Encoding) -> NDArray[Any]:
    """Stored numbers of a frame without sound, (mel,), at the settings that every workspace has."""
    front_end = next(name for name, known in ENCODINGS.items() if known == encoding)
    return encoding.encode(silent_frame(Settings(front_end)))


def open_store(workspace: Workspace, library: Library) -> MelStore:
    """The store of a scanned workspace."""
    ids, starts, counts = library.spectrograms()
    if not len(ids):
        raise MissingStageError(
            f"{workspace.root}: no spectrograms are stored", f"unheard scan -w {workspace.root} MUSIC"
        )
    encoding, n_mels = ENCODINGS[workspace.settings.front_end], workspace.settings.n_mels
    end = int((starts + counts).max())
    frames = map_frames(workspace.mels_path, encoding, n_mels)
    if len(frames) < end:
        raise UserError(
            f"{workspace.mels_path}: holds {len(frames)} frames, the library expects {end}; restore it or scan --force"
        )
    return MelStore(ids, starts, counts, workspace.settings.patch_frames, encoding, frames)


def map_frames(path: Path, encoding: Encoding, n_mels: int) -> NDArray[Any]:
    """Memory map of a store file, (frame, mel)."""
    n = path.stat().st_size // (n_mels * encoding.dtype.itemsize) if path.exists() else 0
    if not n:
        return np.empty((0, n_mels), encoding.dtype)
    return np.memmap(path, encoding.dtype, "r", shape=(n, n_mels))
