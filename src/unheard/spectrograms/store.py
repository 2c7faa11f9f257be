"""Read the mel store: the mel spectrogram of every track, through memory maps of its shards (see shards.py).

Frames are stored (frame, mel) row-major, so a patch of consecutive frames is one contiguous read, without
decompression. A stored value q means `offset_db + step_db * q`.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Indices, Rows
from unheard.errors import MissingStageError, UserError, quoted
from unheard.ids import IdMap
from unheard.library import Library
from unheard.spectrograms.front_end import silent_frame
from unheard.spectrograms.shards import (
    Entry,
    MelWriter,
    Shard,
    ShardsOfTasks,
    is_whole,
    keep_entries,
    latest_entries,
    list_shards,
    map_frames,
)
from unheard.workspace import FrontEndName, Settings, Workspace

Result = TypeVar("Result")


@dataclass(frozen=True)
class Encoding:
    """The encoding of a front end's decibels in the store."""

    dtype: np.dtype[Any]
    offset_db: float
    step_db: float

    def encode(self, mel_db: Floats) -> NDArray[Any]:
        """Convert decibels to stored numbers; values outside the range are clipped."""
        scaled = (mel_db - self.offset_db) / self.step_db
        if self.dtype == np.uint8:
            scaled = np.clip(np.rint(scaled), 0, 255)
        return scaled.astype(self.dtype)

    def decode(self, stored: NDArray[Any]) -> Floats:
        """Convert stored numbers to decibels, float32."""
        return stored.astype(np.float32) * np.float32(self.step_db) + np.float32(self.offset_db)


# Standard: -90 .. 62.4 dB in steps of 0.6 dB, wider than 16-bit music in a 1024-point power mel spectrogram can span;
# the rounding error (at most 0.3 dB) is far below what codecs do. Parity mixes decibels of 513 bins into a mel band, a
# scale of its own, so it keeps float16.
ENCODINGS: dict[FrontEndName, Encoding] = {
    "standard": Encoding(np.dtype(np.uint8), -90.0, 0.6),
    "parity": Encoding(np.dtype(np.float16), 0.0, 1.0),
}


@dataclass(frozen=True)
class MelStore:
    """Stored spectrograms. Row r of `ids` has `n_frames[r]` frames from `start_frames[r]` on in the joined shards.

    The frames of a track are compared with its checksum when they are first read.
    """

    ids: IdMap
    start_frames: Indices
    n_frames: Indices
    patch_frames: int
    encoding: Encoding
    shards: tuple[NDArray[Any], ...]  # each (frame, mel); memory maps, or arrays; at least one
    checksums: tuple[int | None, ...] = ()  # of each track's frames; None, or an empty tuple: unknown
    advice: str = "scan it again"  # of messages about damage
    _shard_starts: list[int] = field(init=False)
    _checked: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        known = [found is None for found in self.checksums] if self.checksums else np.ones(len(self.ids), np.bool_)
        object.__setattr__(self, "_checked", np.array(known, np.bool_))
        object.__setattr__(self, "_shard_starts", list(accumulate((len(shard) for shard in self.shards), initial=0)))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_mels(self) -> int:
        return int(self.shards[0].shape[1])

    def frames(self, row: int) -> NDArray[Any]:
        """Return the stored numbers of a track, (frame, mel), without a copy; UserError if they are damaged."""
        start = int(self.start_frames[row])
        shard = bisect_right(self._shard_starts, start) - 1
        first = start - self._shard_starts[shard]
        frames = self.shards[shard][first : first + int(self.n_frames[row])]
        if not self._checked[row]:
            if zlib.crc32(frames.data) != self.checksums[row]:
                raise UserError(f"the spectrogram of track {self.ids[row]!r} is damaged; {self.advice}")
            self._checked[row] = True
        return frames

    def raw_patches(self, rows: Rows, starts: Rows) -> NDArray[Any]:
        """Return stored numbers of patches (batch, frame, mel) that begin at frames `starts` of the tracks `rows`.

        Frames behind the end of a track are silent.
        """
        width = self.patch_frames
        out = np.empty((len(rows), width, self.n_mels), self.encoding.dtype)
        for index, (row, start) in enumerate(zip(rows, starts, strict=True)):
            patch = self.frames(int(row))[int(start) : int(start) + width]
            out[index, : len(patch)] = patch
            out[index, len(patch) :] = silence(self.encoding)
        return out

    def track_db(self, row: int) -> Floats:
        """Return a track in decibels, (frame, mel)."""
        return self.encoding.decode(self.frames(row))


class HasSourceHashes(Protocol):
    """A library, or what a server has read of one."""

    def source_hashes(self) -> Mapping[str, str]:
        """Return `Track.source_hash` by the id of the track."""


@cache
def silence(encoding: Encoding) -> NDArray[Any]:
    """Return the stored numbers of a silent frame, (mel,), with the default settings of the front end."""
    front_end = next(name for name, known in ENCODINGS.items() if known == encoding)
    return encoding.encode(silent_frame(Settings(front_end)))


def open_store(workspace: Workspace, library: HasSourceHashes) -> MelStore:
    """Return the store of a scanned workspace; MissingStageError without spectrograms, UserError if frames are lost."""
    return _read(workspace, lambda shards: _open_store(workspace, library, shards))


def stored_ids(workspace: Workspace, library: Library) -> list[str]:
    """Return the ids of all tracks that have a spectrogram, ordered."""
    return _read(workspace, lambda shards: sorted(latest_entries(shards, library.source_hashes())[0]))


def _read(workspace: Workspace, read: Callable[[list[Shard]], Result]) -> Result:
    """Return what `read` returns for all shards; read again whenever a scan has removed a shard in the meantime."""
    shards = list_shards(workspace.mels_path)
    while True:
        try:
            return read(shards)
        except (FileNotFoundError, UserError):
            before, shards = shards, list_shards(workspace.mels_path)
            if shards == before:
                raise


def _open_store(workspace: Workspace, library: HasSourceHashes, shards: list[Shard]) -> MelStore:
    latest, entries = latest_entries(shards, library.source_hashes() if shards else {})
    if not latest:
        raise MissingStageError(
            f"{workspace.root}: no spectrograms are stored", f"unheard scan -w {quoted(workspace.root)} MUSIC"
        )
    _check(workspace, entries)
    settings, encoding = workspace.settings, ENCODINGS[workspace.settings.front_end]
    ends = {shard: entries[shard][-1].end_frame if entries[shard] else 0 for shard in shards}
    maps = tuple(map_frames(shard.frames_path, ends[shard], settings.n_mels, encoding.dtype) for shard in shards)
    offsets = dict(zip(shards, accumulate(ends.values(), initial=0), strict=False))
    ordered = [latest[track_id] for track_id in sorted(latest)]
    return MelStore(
        IdMap(entry.track_id for _, entry in ordered),
        np.array([offsets[shard] + entry.start_frame for shard, entry in ordered], np.int64),
        np.array([entry.n_frames for _, entry in ordered], np.int64),
        settings.patch_frames,
        encoding,
        maps,
        tuple(entry.checksum for _, entry in ordered),
        f"run `unheard doctor -w {quoted(workspace.root)} --repair` and scan again",
    )


def mel_writer(workspace: Workspace, among: Sequence[int] = ()) -> MelWriter:
    """Return a writer of the workspace's store; `among` are the only shards that it may claim."""
    dtype = ENCODINGS[workspace.settings.front_end].dtype
    return MelWriter(workspace.mels_path, n_mels=workspace.settings.n_mels, dtype=dtype, among=among)


def shards_of_tasks(workspace: Workspace) -> ShardsOfTasks:
    """Return what names shards of the workspace's store for tasks on other machines."""
    dtype = ENCODINGS[workspace.settings.front_end].dtype
    return ShardsOfTasks(workspace.mels_path, n_mels=workspace.settings.n_mels, dtype=dtype)


def check_store(workspace: Workspace, *, repair: bool) -> None:
    """Raise UserError if frames or entries are lost; with `repair`, remove the entries of those frames instead."""

    def check(shards: list[Shard]) -> None:
        for shard in shards:
            try:
                _check(workspace, {shard: shard.entries()})
            except UserError:
                if not repair:
                    raise
                keep_entries(shard, partial(_has_frames, shard.n_frames(frame_bytes(workspace))))

    _read(workspace, check)


def _is_not_in(lost: set[Entry], entry: Entry) -> bool:
    return entry not in lost


def _has_frames(n_frames: int, entry: Entry) -> bool:
    return entry.end_frame <= n_frames


def damaged_entries(workspace: Workspace, library: Library, *, repair: bool = False) -> list[tuple[Shard, Entry]]:
    """Read every frame and return the entries in use whose frames are damaged; with `repair`, remove these.

    UserError for a damaged index or lost frames, which `check_store` repairs.
    """
    shards = list_shards(workspace.mels_path)
    latest, entries = latest_entries(shards, library.source_hashes())
    _check(workspace, entries)
    dtype, damaged = ENCODINGS[workspace.settings.front_end].dtype, list[tuple[Shard, Entry]]()
    for shard in shards:
        if not entries[shard]:
            continue
        frames = map_frames(shard.frames_path, entries[shard][-1].end_frame, workspace.settings.n_mels, dtype)
        found = {entry for entry in entries[shard] if latest.get(entry.track_id) == (shard, entry)}
        lost = {entry for entry in found if not is_whole(entry, frames)}
        del frames
        damaged += [(shard, entry) for entry in entries[shard] if entry in lost]
        if repair and lost:
            keep_entries(shard, partial(_is_not_in, lost))
    return damaged


def frame_bytes(workspace: Workspace) -> int:
    """Return the size of a stored frame in bytes."""
    return workspace.settings.n_mels * ENCODINGS[workspace.settings.front_end].dtype.itemsize


def _check(workspace: Workspace, entries: Mapping[Shard, Sequence[Entry]]) -> None:
    """Raise UserError if a shard has fewer frames than its index expects."""
    for shard, indexed in entries.items():
        n_frames, expected = shard.n_frames(frame_bytes(workspace)), indexed[-1].end_frame if indexed else 0
        if n_frames < expected:
            raise UserError(
                f"{shard.frames_path}: holds {n_frames} frames, its index expects {expected}; "
                "restore it or scan with --force"
            )
