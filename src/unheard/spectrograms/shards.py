"""Read and write the files of the mel store: append-only shards, each with an index and a single writer.

    mels/0000.frames   stored frames, (frame, mel) row-major, track after track
    mels/0000.index    one JSON line per stored track: [track_id, start_frame, n_frames, source_hash, checksum, chain];
                       checksum: CRC-32 of its frames; chain: CRC-32 of the workspace's settings and of all bytes of
                       the index before it. Lines that were written before checksums have the first four.
    mels/0000.lock     held by the shard's writer, and released by the system when the writer ends
    mels/compact.lock  held by a scan whose tasks write on other machines (shared), or while a shard is removed

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
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from unheard.atomic_files import atomic_path
from unheard.checksums import owner_of
from unheard.errors import LockedError, UserError, quoted
from unheard.library import Library
from unheard.locks import WAIT_S, try_lock

N_FIELDS = 6  # of a line of the index
COMPACT = "compact.lock"
MAX_SHARD_FRAMES = 2**23  # 54 hours of music; 1 GiB at one byte a value


class Entry(NamedTuple):
    """One stored spectrogram: `n_frames` frames from `start_frame` on, made from the bytes that `source_hash` names."""

    track_id: str
    start_frame: int
    n_frames: int
    source_hash: str
    checksum: int | None = None  # None: stored before checksums

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
        """Return the entries of the index in the order in which they were written; UserError if it is damaged."""
        index = self.index_path.read_bytes()
        entries, end = _parse(index, self.seed)
        if any(_is_entry(line) for line in index[end:].split(b"\n")[:-1]):  # else what a power failure has left
            raise UserError(
                f"{self.index_path}: damaged in line {len(entries) + 1}, or of other settings; "
                f"run `unheard doctor -w {quoted(self.folder.parent)} --repair` and scan again"
            )
        return entries

    @property
    def seed(self) -> int:
        """Where the chain of checksums of the index begins."""
        return zlib.crc32(owner_of(self.index_path).rpartition("-")[2].encode())

    def complete(self, index: bytes) -> tuple[bytes, int]:
        """Return the whole lines of its index, and the number of frames that they need."""
        entries, n_bytes = _parse(index, self.seed)
        return index[:n_bytes], entries[-1].end_frame if entries else 0

    def n_frames(self, frame_bytes: int) -> int:
        """Return the number of whole frames in the file, with or without an entry."""
        return self.frames_path.stat().st_size // frame_bytes if self.frames_path.exists() else 0

    def lock(self) -> AbstractContextManager[bool]:
        """Claim the shard; yield False if another writer, of any process on any machine, holds it.

        The file stays when the shard is removed: without it, two writers could hold locks of two files of the same
        name.
        """
        return try_lock(self.folder / f"{self.number:04d}.lock")


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

    among  the only shards that it may claim (`ShardsOfTasks`); none: any shard
    """

    def __init__(self, folder: Path, *, n_mels: int, dtype: np.dtype[Any], among: Sequence[int] = ()) -> None:
        self._folder, self._n_mels, self._dtype, self._among = folder, n_mels, dtype, among
        self._stack = ExitStack()  # of the claimed shard: lock and files
        self._shard: Shard | None = None
        self._frames: BinaryIO
        self._index: BinaryIO
        self._end_frame = 0
        self._chain = 0  # of the index so far

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
            if not is_whole(entry, frames):
                raise UserError(f"{shard.frames_path}: the frames of {entry.track_id!r} are damaged; scan again")
            return self.append(track_id, frames[entry.start_frame :], source_hash)
        self.claim()
        assert self._shard is not None
        frames = np.ascontiguousarray(stored, self._dtype)
        entry = Entry(track_id, self._end_frame, len(stored), source_hash, zlib.crc32(frames.data))
        self._frames.seek(entry.start_frame * self._frame_bytes)
        self._frames.write(frames.data)
        self._frames.flush()
        os.fsync(self._frames.fileno())
        line, self._chain = _line(entry, self._chain)
        self._index.write(line)
        self._index.flush()  # not synced: if a power failure loses the line, the next scan stores the track again
        self._end_frame = entry.end_frame
        return StoredMel(self._shard.number, entry)

    def compact(self, library: Library) -> None:
        """Remove every shard of which at least half is superseded; what counts in it is first moved to a new shard.

        Shards that another writer holds are skipped, and all of them while tasks of a scan have stored what the library
        does not know yet. A kill leaves some entries twice, which is harmless. Open readers keep the removed files
        until they close them; on Windows the files stay until the next call.
        """
        self._release()
        latest, entries = latest_entries(list_shards(self._folder), library.source_hashes())
        for shard in [shard for shard in entries if _superseded(shard, latest, entries)]:
            with try_lock(self._folder / COMPACT) as alone, shard.lock() as claimed:
                if alone and claimed:
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
                if not is_whole(entry, frames):
                    continue  # the next scan stores the track again
                if self._shard is None:
                    self._claim(max(entries, key=lambda shard: shard.number).number + 1)
                self.append(entry.track_id, frames[entry.start_frame : entry.end_frame], entry.source_hash)
            if self._shard is not None:
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
            if not stack.enter_context(shard.lock()):
                return False
            index = shard.index_path.read_bytes() if shard.index_path.exists() else b""
            entries, n_bytes = _parse(index, shard.seed)
            end = entries[-1].end_frame if entries else 0
            if end >= MAX_SHARD_FRAMES and not self._among:
                return False
            self._frames = stack.enter_context(_open_to_append(shard.frames_path, end * self._frame_bytes))
            self._index = stack.enter_context(_open_to_append(shard.index_path, n_bytes))
            self._shard, self._end_frame, self._stack = shard, end, stack.pop_all()
            self._chain = zlib.crc32(index[:n_bytes], shard.seed)
        return True

    def _release(self) -> None:
        self._shard = None
        self._stack.close()


class ShardsOfTasks:
    """Name shards for writers of other processes, and keep what they write until it is in the library.

    The writers lock the shards themselves, so a task that outlives this process keeps its own. Without the lock that is
    held here, another scan that ends meanwhile could remove a shard of which the library knows nothing yet.
    """

    def __init__(self, folder: Path, *, n_mels: int, dtype: np.dtype[Any]) -> None:
        self._folder, self._frame_bytes = folder, n_mels * dtype.itemsize
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder.mkdir(exist_ok=True)
        if not self._stack.enter_context(try_lock(self._folder / COMPACT, shared=True, wait_s=WAIT_S)):
            raise LockedError(f"{self._folder}: another scan removes what is superseded; try again")
        shards = list_shards(self._folder)
        self._first = shards[-1].number if shards else 0  # in an earlier one, an entry would not count
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def with_room(self, n: int) -> list[int]:
        """Return the numbers of `n` shards that are not full; other writers may hold some of them."""
        numbers = (number for number in count(self._first) if self._has_room(number))
        return list(islice(numbers, n))

    def _has_room(self, number: int) -> bool:
        return Shard(self._folder, number).n_frames(self._frame_bytes) < MAX_SHARD_FRAMES


def _superseded(shard: Shard, latest: Mapping[str, tuple[Shard, Entry]], entries: Mapping[Shard, list[Entry]]) -> bool:
    """Return whether at least half of a shard's frames are superseded."""
    kept = sum(entry.n_frames for entry in entries[shard] if latest.get(entry.track_id) == (shard, entry))
    return 2 * kept <= sum(entry.n_frames for entry in entries[shard])


def keep_entries(shard: Shard, keep: Callable[[Entry], bool]) -> int:
    """Write the index of a damaged shard again, with the entries before the damage that `keep` returns True for.

    Return how many entries are left out; those behind damage of the index are not counted.
    """
    with shard.lock() as claimed:
        if not claimed:
            raise UserError(f"{shard.index_path}: a scan writes to it; wait until it has finished, and try again")
        entries, _ = _parse(shard.index_path.read_bytes(), shard.seed)
        kept = [entry for entry in entries if keep(entry)]
        write_index(shard, kept)
        return len(entries) - len(kept)


def write_index(shard: Shard, entries: Sequence[Entry]) -> None:
    """Write a whole index, atomically."""
    chain, lines = shard.seed, list[bytes]()
    for entry in entries:
        line, chain = _line(entry, chain)
        lines.append(line)
    with atomic_path(shard.index_path) as temporary:
        temporary.write_bytes(b"".join(lines))


def is_whole(entry: Entry, frames: NDArray[Any]) -> bool:
    """Return whether the frames of an entry are those that were written; `frames` are those of its shard."""
    return entry.checksum is None or zlib.crc32(frames[entry.start_frame : entry.end_frame].data) == entry.checksum


def map_frames(path: Path, n_frames: int, n_mels: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a memory map of the first `n_frames` frames of a shard's file, (frame, mel)."""
    if not n_frames:
        return np.empty((0, n_mels), dtype)
    return np.memmap(path, dtype, "r", shape=(n_frames, n_mels))


def _line(entry: Entry, chain: int) -> tuple[bytes, int]:
    """Return the line of an entry, and the chain behind it."""
    if entry.checksum is None:
        line = json.dumps(entry[:-1], ensure_ascii=False).encode() + b"\n"
    else:
        start = json.dumps(entry, ensure_ascii=False).encode()[:-1]
        line = b"%s, %d]\n" % (start, zlib.crc32(start, chain))
    return line, zlib.crc32(line, chain)


def _parse(index: bytes, seed: int) -> tuple[list[Entry], int]:
    """Return the entries before the first invalid line, and their size in bytes.

    The chain of the last line tells whether all lines are valid, so that they are only checked singly if it does not.
    """
    end = index.rfind(b"\n") + 1
    lines = index[:end].split(b"\n")[:-1]
    if lines and lines[-1].endswith(b", %d]" % zlib.crc32(index[: end - 1].rpartition(b", ")[0], seed)):
        with suppress(ValueError, TypeError):
            return [_entry(values) for values in json.loads(b"[" + b",".join(lines) + b"]")], end
    entries: list[Entry] = []
    end, chain = 0, seed
    for line in lines:
        try:
            values = json.loads(line)
            entry = _entry(values)
        except (ValueError, TypeError, RecursionError):
            break
        if entry.checksum is not None and values[-1] != zlib.crc32(line.rpartition(b", ")[0], chain):
            break
        chain = zlib.crc32(line + b"\n", chain)
        entries.append(entry)
        end += len(line) + 1
    return entries, end


def _is_entry(line: bytes) -> bool:
    """Return whether a line has the fields of an entry with checksums."""
    try:
        return _entry(json.loads(line)).checksum is not None
    except (ValueError, TypeError, RecursionError):
        return False


def _entry(values: Any) -> Entry:
    """Return the entry of a line; ValueError or TypeError for another line."""
    if len(values) not in (N_FIELDS - 2, N_FIELDS):
        raise ValueError(f"{len(values)} values")
    return Entry._make(values[: N_FIELDS - 1]) if len(values) == N_FIELDS else Entry(*values)


def _open_to_append(path: Path, n_bytes: int) -> BinaryIO:
    """Open a file for writing after its first `n_bytes`, and cut off the rest."""
    file = path.open("r+b" if path.exists() else "w+b")
    if path.stat().st_size > n_bytes:
        file.truncate(n_bytes)
    file.seek(n_bytes)
    return file
