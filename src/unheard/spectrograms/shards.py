"""Read and write the files of the mel store: append-only shards, each with an index and a single writer.

    mels/0000.frames   stored frames, (frame, mel) row-major, track after track
    mels/0000.index    one JSON line per stored track: [track_id, start_frame, n_frames, source_hash]
    mels/0000.lock     held by the shard's writer, and released by the system when the writer ends

    mels/0000.writer   held by a writer of another process, for which a scan holds the first lock (`ShardClaims`)

Any number of processes may write at once, each to its own shard: a writer claims the last shard, or the next
number if the last one is full or claimed. Frames are on disk before their index line is written, and the line before
the library stores the track. So readers ignore a half-written line, and frames without a line, that a kill leaves, and
the next writer of the shard overwrites them.

An entry counts while its `source_hash` is the one of its track in the library. When a track has several such entries,
the one in the last shard counts, and there the last one. The others are superseded; `MelWriter.compact` removes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from unheard.file_locks import claimed
from unheard.library import Library

MAX_SHARD_FRAMES = 2**23  # 54 hours of music; 1 GiB at one byte a value


class Entry(NamedTuple):
    """One stored spectrogram: `n_frames` frames from `start_frame` on, made from the bytes that `source_hash` names."""

    track_id: str
    start_frame: int
    n_frames: int
    source_hash: str

    @property
    def end_frame(self) -> int:
        return self.start_frame + self.n_frames


class StoredMel(NamedTuple):
    """A spectrogram that a writer of another process has stored already: its entry, in the shard of this number."""

    shard: int
    entry: Entry


@dataclass(frozen=True)
class Shard:
    """The paths of one shard."""

    folder: Path
    number: int

    @property
    def frames_path(self) -> Path:
        return self.folder / f"{self.number:04d}.frames"

    @property
    def index_path(self) -> Path:
        return self.folder / f"{self.number:04d}.index"

    def entries(self) -> list[Entry]:
        """Return the entries of the index in the order in which they were written."""
        return _parse(self.index_path.read_bytes())[0]

    def n_frames(self, frame_bytes: int) -> int:
        """Return the number of whole frames in the file, with or without an entry."""
        return self.frames_path.stat().st_size // frame_bytes if self.frames_path.exists() else 0

    @contextmanager
    def lock(self, name: str = "lock") -> Iterator[bool]:
        """Claim the shard; yield False if another process holds it."""
        with claimed(self.folder / f"{self.number:04d}.{name}") as is_ours:
            yield is_ours


def list_shards(folder: Path) -> list[Shard]:
    """Return every shard that has an index, by number."""
    numbers = sorted(int(path.stem) for path in folder.glob("*.index") if path.stem.isdigit())
    return [Shard(folder, number) for number in numbers]


def latest_entries(
    shards: list[Shard], source_hashes: Mapping[str, str]
) -> tuple[dict[str, tuple[Shard, Entry]], dict[Shard, list[Entry]]]:
    """Return the entry that counts for each track, with its shard; and all entries of each shard.

    source_hashes   of the library's tracks (`Library.source_hashes`)
    """
    entries = {shard: shard.entries() for shard in shards}
    latest = {
        entry.track_id: (shard, entry)
        for shard in shards
        for entry in entries[shard]
        if source_hashes.get(entry.track_id) == entry.source_hash
    }
    return latest, entries


class MelWriter:
    """Append spectrograms to a shard, which is claimed before the first one is written.

    among  shards that another process has claimed for this writer and others (`ShardClaims`); none: any shard
    """

    def __init__(self, folder: Path, *, n_mels: int, dtype: np.dtype[Any], among: Sequence[int] = ()) -> None:
        self._folder, self._n_mels, self._dtype, self._among = folder, n_mels, dtype, among
        self._stack = ExitStack()  # of the claimed shard: lock and files
        self._shard: Shard | None = None
        self._frames: BinaryIO
        self._index: BinaryIO
        self._end_frame = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._release()

    def claim(self) -> bool:
        """Claim a shard with room unless this writer has one; False if each of `among` has a writer."""
        if self._among:
            return self._shard is not None or any(self._open(Shard(self._folder, n)) for n in self._among)
        if self._shard is not None and self._end_frame >= MAX_SHARD_FRAMES:
            self._release()
        if self._shard is None:
            shards = list_shards(self._folder)
            self._claim(shards[-1].number if shards else 0)
        return True

    def append(self, track_id: str, stored: NDArray[Any] | StoredMel, source_hash: str) -> StoredMel:
        """Write encoded frames (frame, mel) and their index entry.

        Of a spectrogram that is stored already, nothing is written unless it was stored as that of another track.
        """
        if isinstance(stored, StoredMel):
            shard, entry = Shard(self._folder, stored.shard), stored.entry
            if (entry.track_id, entry.source_hash) == (track_id, source_hash):
                return stored
            frames = map_frames(shard.frames_path, entry.end_frame, self._n_mels, self._dtype)
            return self.append(track_id, frames[entry.start_frame :], source_hash)
        self.claim()
        assert self._shard is not None
        entry = Entry(track_id, self._end_frame, len(stored), source_hash)
        self._frames.seek(entry.start_frame * self._frame_bytes)
        self._frames.write(np.ascontiguousarray(stored, self._dtype).data)
        self._frames.flush()
        os.fsync(self._frames.fileno())
        self._index.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._index.flush()  # not synced: if a power failure loses the line, the next scan stores the track again
        self._end_frame = entry.end_frame
        return StoredMel(self._shard.number, entry)

    def compact(self, library: Library) -> None:
        """Remove every shard of which at least half is superseded; what counts in it is first moved to a new shard.

        Shards that another writer holds are skipped. A kill leaves some entries twice, which is harmless. Open readers
        keep the removed files until they close them; on Windows the files stay until the next call.
        """
        self._release()
        latest, entries = latest_entries(list_shards(self._folder), library.source_hashes())
        for shard in [shard for shard in entries if _superseded(shard, latest, entries)]:
            with shard.lock() as claimed:
                if claimed:
                    self._compact_shard(shard, library)
        self._release()

    def _compact_shard(self, shard: Shard, library: Library) -> None:
        """Compact a claimed shard, unless its last writer has stored tracks that make this unnecessary."""
        latest, entries = latest_entries(list_shards(self._folder), library.source_hashes())
        if shard not in entries or not _superseded(shard, latest, entries):
            return
        kept = [entry for entry in entries[shard] if latest.get(entry.track_id) == (shard, entry)]
        if kept:
            frames = map_frames(shard.frames_path, kept[-1].end_frame, self._n_mels, self._dtype)
            for entry in kept:
                if self._shard is None:
                    self._claim(max(entries, key=lambda shard: shard.number).number + 1)
                self.append(entry.track_id, frames[entry.start_frame : entry.end_frame], entry.source_hash)
            os.fsync(self._index.fileno())
            del frames
        with suppress(PermissionError):  # on Windows, while a reader has it open
            shard.index_path.unlink()
            shard.frames_path.unlink(missing_ok=True)

    @property
    def _frame_bytes(self) -> int:
        return self._n_mels * self._dtype.itemsize

    def _claim(self, number: int) -> None:
        """Claim the first free shard from `number` on that has room."""
        self._folder.mkdir(exist_ok=True)
        while not self._open(Shard(self._folder, number)):
            number += 1

    def _open(self, shard: Shard) -> bool:
        """Lock a shard and open it after its last whole entry; False if it is held by another writer, or full."""
        with ExitStack() as stack:
            if not stack.enter_context(shard.lock("writer" if self._among else "lock")):
                return False
            entries, n_bytes = _parse(shard.index_path.read_bytes() if shard.index_path.exists() else b"")
            end = entries[-1].end_frame if entries else 0
            if end >= MAX_SHARD_FRAMES and not self._among:
                return False
            self._frames = stack.enter_context(_open_to_append(shard.frames_path, end * self._frame_bytes))
            self._index = stack.enter_context(_open_to_append(shard.index_path, n_bytes))
            self._shard, self._end_frame, self._stack = shard, end, stack.pop_all()
        return True

    def _release(self) -> None:
        self._shard = None
        self._stack.close()


class ShardClaims:
    """Hold shards for writers of other processes until what they write is in the library.

    Without, another scan that ends meanwhile could compact a shard of which the library knows nothing yet.
    """

    def __init__(self, folder: Path, *, n_mels: int, dtype: np.dtype[Any]) -> None:
        self._folder, self._frame_bytes = folder, n_mels * dtype.itemsize
        self._held: dict[int, ExitStack] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        for stack in self._held.values():
            stack.close()

    def with_room(self, n: int) -> list[int]:
        """Return `n` claimed shards that are not full; those that are full stay claimed."""
        free = [number for number in self._held if self._has_room(number)]
        number = 0
        while len(free) < n:
            if number not in self._held and self._has_room(number):
                with ExitStack() as stack:
                    if stack.enter_context(Shard(self._folder, number).lock()):
                        self._held[number] = stack.pop_all()
                        free.append(number)
            number += 1
        return free[:n]

    def _has_room(self, number: int) -> bool:
        return Shard(self._folder, number).n_frames(self._frame_bytes) < MAX_SHARD_FRAMES


def _superseded(shard: Shard, latest: Mapping[str, tuple[Shard, Entry]], entries: Mapping[Shard, list[Entry]]) -> bool:
    """Return whether at least half of a shard's frames are superseded."""
    kept = sum(entry.n_frames for entry in entries[shard] if latest.get(entry.track_id) == (shard, entry))
    return 2 * kept <= sum(entry.n_frames for entry in entries[shard])


def drop_lost_entries(shard: Shard, frame_bytes: int) -> None:
    """Shorten the index of a damaged shard to the entries whose frames exist."""
    with shard.lock() as claimed:
        if claimed:
            n_frames = shard.n_frames(frame_bytes)
            kept = [entry for entry in shard.entries() if entry.end_frame <= n_frames]
            lines = [json.dumps(entry, ensure_ascii=False).encode() + b"\n" for entry in kept]
            with _open_to_append(shard.index_path, len(b"".join(lines))):
                pass


def map_frames(path: Path, n_frames: int, n_mels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a memory map of the first `n_frames` frames of a shard's file, (frame, mel)."""
    if not n_frames:
        return np.empty((0, n_mels), dtype)
    return np.memmap(path, dtype, "r", shape=(n_frames, n_mels))


def _parse(index: bytes) -> tuple[list[Entry], int]:
    """Return the entries before the first invalid line, and their size in bytes."""
    end = index.rfind(b"\n") + 1
    lines = index[:end].split(b"\n")[:-1]
    try:
        return [Entry._make(values) for values in json.loads(b"[" + b",".join(lines) + b"]")], end
    except (ValueError, TypeError):  # zeros or garbage after a power failure
        pass
    entries: list[Entry] = []
    end = 0
    for line in lines:
        try:
            entries.append(Entry._make(json.loads(line)))
        except (ValueError, TypeError):
            break
        end += len(line) + 1
    return entries, end


def _open_to_append(path: Path, n_bytes: int) -> BinaryIO:
    """Open a file for writing after its first `n_bytes`, and cut off the rest."""
    file = path.open("r+b" if path.exists() else "w+b")
    if path.stat().st_size > n_bytes:
        file.truncate(n_bytes)
    file.seek(n_bytes)
    return file
