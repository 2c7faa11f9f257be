"""Store features: vectors by kind, extractor version and content hash of their source, read through a memory map.

    W/features/<kind>/<number>-<token>.npy           (n, dim) float32, rows ordered by track id
    W/features/<kind>/<number>-<token>.safetensors   its index: track ids, source hashes, extractor version, CRC-32 of
                                                     the other file, which is compared when that is first read

A shard counts once its index exists, so a kill between the two files leaves the previous state. Of several shards
with a vector of one track, the one with the highest number counts. After each write the newest shards are merged as
long as the one before them is less than `GROWTH` times as large: n vectors are in O(log n) shards, and each is written
O(log n) times. `compact` makes one of all, as a run that writes many vectors does at its end (writer.py). A write reads
no index of other shards, and a merge decision only their lengths. The index of
a merged shard names the shards that it replaces; they do not count any more and are deleted. Several processes may
write at the same time, each its own shards; a process that misses files that another one has just merged reads the
shards again.

There is no lock. If one process removes a track while another one merges the same shards, both merged shards count, so
the vector is there again. That is harmless: a vector whose track is not in the library is never read, and the next scan
removes it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unheard import artefacts, atomic_files
from unheard.arrays import Floats, Mask
from unheard.checksums import crc_of_file
from unheard.errors import UserError
from unheard.ids import IdMap

SUFFIXES = (".npy", ".safetensors")
KIND = "features"  # of the index artefact
GROWTH = 4
BLOCK = 4096  # vectors that a merge has in memory
ATTEMPTS = 5  # at reading shards while another process merges them
NO_TRACK = b"\x01"  # equals no source hash


@dataclass(frozen=True)
class Features:
    """Features of one kind: `ids` in order, `values` (n, dim) float32, read-only; (0, 0) if there are none."""

    ids: IdMap
    values: Floats


@dataclass(frozen=True)
class _Shard:
    """One shard that counts, of `n` vectors. Its index is read when it is first needed."""

    index: Path
    n: int
    version: str
    dim: int
    replaces: tuple[str, ...]
    checksum: int | None  # None: written before checksums

    @property
    def number(self) -> int:
        return _number(self.index)

    @cached_property
    def _loaded(self) -> artefacts.Artefact:
        try:
            return artefacts.load(self.index, KIND)
        except UserError:
            if not self.index.exists():
                raise FileNotFoundError(self.index) from None  # merged by another process in the meantime
            raise

    @property
    def ids(self) -> IdMap:
        """The ids of its tracks, in order."""
        return self._loaded.ids["track"]

    @property
    def hashes(self) -> NDArray[np.bytes_]:
        """The source hash of each track, (n,) bytes of fixed width."""
        plain = np.ascontiguousarray(self._loaded.arrays["source_hashes"])
        return plain.view(f"S{plain.shape[1]}").reshape(len(plain))

    def values(self) -> Floats:
        """Memory-mapped vectors (n, dim)."""
        if not self.n:
            return np.zeros((0, self.dim), np.float32)
        path = self.index.with_suffix(".npy")
        state = path.stat()
        if self.checksum is not None and _crc(path, state.st_ino, state.st_mtime_ns, state.st_size) != self.checksum:
            raise ValueError("its content does not match its checksum")
        values: Floats = np.asarray(np.load(path, mmap_mode="r"))
        if values.dtype != np.float32:
            raise ValueError(f"type {values.dtype}, expected float32")
        if values.shape != (self.n, self.dim):
            raise ValueError(f"shape {values.shape}, expected {(self.n, self.dim)}")
        return values


class FeatureStore:
    """The feature store in one folder, `Workspace.features_dir`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def kinds(self) -> list[str]:
        """Return the kinds that have vectors, in order."""
        if not self.root.is_dir():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if any(folder.glob("*.safetensors")))

    def track_ids(self, kind: str) -> frozenset[str]:
        """Return the ids of all tracks with a vector of a kind, stale ones too."""
        return frozenset(track_id for shard in self._shards(kind) for track_id in shard.ids)

    def read(self, kind: str, *, version: str | None = None, current: Mapping[str, str] | None = None) -> Features:
        """Return the vectors of a kind.

        version  leave out vectors that another version of the extractor made; None: of any version
        current  source hash of each track: leave out other tracks, and vectors made from another source; None: all

        A single shard of vectors that all count is returned as a memory map. UserError if a file is damaged.
        """
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError):  # merged by another process in the meantime
                return self._read(kind, version, current)
        raise UserError(f"{self.root / kind}: files are missing; delete the folder and run `unheard features` again")

    def write(
        self,
        kind: str,
        version: str,
        ids: Sequence[str],
        vectors: Floats,
        source_hashes: Sequence[str],
        *,
        merge: bool = True,
    ) -> None:
        """Store vectors (n, dim), one for each id; they replace earlier vectors of the same tracks.

        If an id occurs twice, its last vector counts. A caller with many writes may `merge` only some of the times.
        """
        if not len(ids):
            return
        rows = {track_id: row for row, track_id in enumerate(ids)}
        ordered = IdMap(sorted(rows))
        take = np.array([rows[track_id] for track_id in ordered])
        hashes = np.array([source_hashes[row].encode() for row in take], np.bytes_)
        number = 1 + max(map(_number, (self.root / kind).glob("*.safetensors")), default=0)
        blocks = [np.asarray(vectors, np.float32)[take]]
        self._write_shard(kind, number, version, ordered, blocks[0].shape[1], blocks, hashes, ())
        if merge:
            self._rewrite(kind, _shards_to_merge)

    def compact(self, kind: str) -> None:
        """Merge all shards of a kind into one, which is the fastest to read."""
        self._rewrite(kind, lambda shards: shards if len(shards) > 1 else [])

    def remove(self, track_ids: Collection[str]) -> None:
        """Delete the vectors of these tracks, of every kind."""
        for kind in self.kinds():
            if not self.track_ids(kind).isdisjoint(track_ids):
                self._rewrite(kind, lambda shards: shards, without=frozenset(track_ids))

    def check(self, kind: str) -> str:
        """Read everything of a kind; return what is in it, or raise UserError or FileNotFoundError for damage."""
        shards = self._shards(kind)
        for shard in shards:
            values = self._values(shard)
            if not all(np.isfinite(values[first : first + 4096]).all() for first in range(0, len(values), 4096)):
                raise UserError(
                    f"{shard.index.with_suffix('.npy')}: damaged (values that are not finite); delete the folder "
                    f"{shard.index.parent} and run `unheard features` again"
                )
        old = ", written before checksums" if any(shard.checksum is None for shard in shards) else ""
        return f"{len(self.track_ids(kind))} vectors in {len(shards)} shards{old}"

    def damaged_files(self, kind: str) -> list[Path]:
        """Return the files of all shards of a kind of which one cannot be read."""
        damaged, folder = list[Path](), self.root / kind
        for index in sorted({path.with_suffix(".safetensors") for path in folder.iterdir() if path.suffix in SUFFIXES}):
            try:
                values = self._values(_open_shard(index))
                broken = not np.isfinite(values).all()
            except (UserError, OSError):
                broken = True
            damaged += [path for path in (index, index.with_suffix(".npy")) if broken and path.exists()]
        return damaged

    # ------------------------------------------------------------------------------------------------- reading

    def _read(self, kind: str, version: str | None, current: Mapping[str, str] | None) -> Features:
        shards = self._shards(kind)
        if len(shards) == 1:
            (shard,) = shards
            is_current = _is_current(shard, version, current)
            if is_current.all() and len(is_current):
                return Features(shard.ids, self._values(shard))
        locations = _locate(shards, version, current)
        if not locations:
            return Features(IdMap([]), np.zeros((0, 0), np.float32))
        dims = {shards[number].dim for number, _ in locations.values()}
        if len(dims) > 1:
            raise UserError(
                f"{self.root / kind}: vectors of {' and '.join(str(dim) for dim in sorted(dims))} numbers; "
                f"run `unheard features --kind {kind} --force`, or scan all vectors again"
            )
        return Features(
            IdMap(sorted(locations)), self._read_rows(shards, [locations[name] for name in sorted(locations)])
        )

    def _read_rows(self, shards: Sequence[_Shard], locations: Sequence[tuple[int, int]]) -> Floats:
        """Return rows (n, dim) of several shards, each given by the number of its shard and its row there."""
        of_shard, rows = np.array(locations, np.int64).T
        values = np.empty((len(locations), shards[of_shard[0]].dim), np.float32)
        for number in np.unique(of_shard):
            mine = of_shard == number
            values[mine] = self._values(shards[number])[rows[mine]]
        values.flags.writeable = False
        return values

    def _values(self, shard: _Shard) -> Floats:
        try:
            return shard.values()
        except (ValueError, EOFError) as error:
            path = shard.index.with_suffix(".npy")
            raise UserError(
                f"{path}: damaged ({error}); delete the folder {path.parent} and run `unheard features` again"
            ) from error

    def _shards(self, kind: str) -> list[_Shard]:
        """Return the shards that count, oldest first."""
        folder = self.root / kind
        while True:
            paths = sorted(folder.glob("*.safetensors"))
            try:
                found = [_open_shard(path) for path in paths]
            except UserError:
                if all(path.exists() for path in paths):
                    raise
            else:
                replaced = {name for shard in found for name in shard.replaces}
                return [shard for shard in found if shard.index.stem not in replaced]

    # ------------------------------------------------------------------------------------------------- writing

    def _write_shard(
        self,
        kind: str,
        number: int,
        version: str,
        ids: IdMap,
        dim: int,
        blocks: Iterable[Floats],
        hashes: NDArray[np.bytes_],
        replaces: Sequence[str],
    ) -> None:
        """Write one shard, of `blocks` of vectors. Once its index exists, the shards that it replaces do not count."""
        index = self.root / kind / f"{number:08d}-{uuid.uuid4().hex[:8]}.safetensors"
        with atomic_files.atomic_path(index.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (len(ids), dim)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                np.ascontiguousarray(block, "<f4").tofile(file)
            file.flush()
            checksum = crc_of_file(temporary)
        width = max(1, hashes.dtype.itemsize)
        plain = np.frombuffer(hashes.astype(f"S{width}").tobytes(), np.uint8).reshape(len(ids), width)
        artefacts.save(
            index,
            KIND,
            config={"version": version, "dim": int(dim), "replaces": list(replaces), "crc32": checksum},
            arrays={"source_hashes": plain},
            ids={"track": ids},
        )

    def _rewrite(
        self, kind: str, choose: Callable[[list[_Shard]], list[_Shard]], *, without: Collection[str] = ()
    ) -> None:
        """Merge the newest shards of a kind that `choose` returns, without some tracks."""
        for _ in range(ATTEMPTS):
            with suppress(FileNotFoundError):  # merged by another process in the meantime
                if chosen := choose(self._shards(kind)):
                    self._merge(chosen, without)
                return

    def _merge(self, shards: Sequence[_Shard], without: Collection[str]) -> None:
        """Write one shard that replaces several; vectors of older versions of the extractor are left out."""
        newest = shards[-1]
        locations = _locate(shards, newest.version, None)
        kept = [
            name for name in sorted(locations) if name not in without and shards[locations[name][0]].dim == newest.dim
        ]
        rows = [locations[name] for name in kept]
        starts = range(0, len(rows), BLOCK)
        blocks = (self._read_rows(shards, rows[start : start + BLOCK]) for start in starts)
        texts = [shard.hashes for shard in shards]
        hashes = np.array([texts[number][row] for number, row in rows], np.bytes_)
        folder = newest.index.parent
        old = {shard.index.stem for shard in shards}
        old |= {name for shard in shards for name in shard.replaces if (folder / f"{name}.safetensors").exists()}
        self._write_shard(
            folder.name, newest.number, newest.version, IdMap(kept), newest.dim, blocks, hashes, sorted(old)
        )
        for name in old:
            with suppress(OSError):  # Windows keeps files that are open; the next merge deletes them
                (folder / f"{name}.safetensors").unlink()
                (folder / f"{name}.npy").unlink()


def _open_shard(path: Path) -> _Shard:
    """Open a shard by the header of its index."""
    config, shapes = artefacts.read_header(path, KIND)
    if not {"version", "dim", "replaces"} <= config.keys() or "source_hashes" not in shapes:
        raise UserError(f"{path}: damaged (incomplete); delete it with its .npy and run `unheard features` again")
    n, _ = shapes["source_hashes"]
    return _Shard(path, n, config["version"], int(config["dim"]), tuple(config["replaces"]), config.get("crc32"))


@lru_cache(maxsize=64)
def _crc(path: Path, *_version: int) -> int:
    """Return the CRC-32 of a file of vectors; `_version` makes the cached one that of the current file."""
    return crc_of_file(path)


def _number(index: Path) -> int:
    return int(index.name.partition("-")[0])


def _shards_to_merge(shards: list[_Shard]) -> list[_Shard]:
    """Return the newest shards that have to be merged by their sizes; none if no merge is due."""
    n_merged, size = 1, shards[-1].n
    while n_merged < len(shards) and shards[-n_merged - 1].n < GROWTH * size:
        n_merged += 1
        size += shards[-n_merged].n
    return shards[-n_merged:] if n_merged > 1 else []


def _is_current(shard: _Shard, version: str | None, current: Mapping[str, str] | None) -> Mask:
    """Return which rows of a shard are of this version and extracted from the current source, (n,)."""
    if version not in (None, shard.version):
        return np.zeros(shard.n, np.bool_)
    if current is None:
        return np.ones(shard.n, np.bool_)
    missing = NO_TRACK.decode()
    present = np.array([current.get(track_id, missing).encode() for track_id in shard.ids], np.bytes_)
    is_current: Mask = np.asarray(shard.hashes == present)
    return is_current


def _locate(
    shards: Sequence[_Shard], version: str | None, current: Mapping[str, str] | None
) -> dict[str, tuple[int, int]]:
    """Return the shard (its number in the list) and the row of each track's current vector."""
    locations: dict[str, tuple[int, int]] = {}
    for number, shard in enumerate(shards):
        ids, rows = shard.ids, np.flatnonzero(_is_current(shard, version, current))
        locations.update((ids[row], (number, row)) for row in rows.tolist())
    return locations
