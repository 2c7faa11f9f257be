"""Read precomputed magnitude spectrograms from HDF5 files of patches of 513 frequency bins x 256 frames.

Two layouts: datasets `patches` (n, 513, 256) and `track_id` (n,), where the patches of one track are in order but not
necessarily adjacent; or one dataset (n, 513, 256) for each track, named by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Floats, Indices
from unheard.errors import AudioError, Reason, TableError
from unheard.ids import id_problem
from unheard.regular_files import check_regular
from unheard.workspace import Settings

MAX_COMPRESSION = 1_100  # gzip reaches 1,032
DAMAGED = (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError, UnicodeError)  # what h5py raises
PATCH_SUFFIXES = frozenset({".h5", ".hdf5"})


class PatchFile:
    """An open file of patches. `ids` are its tracks in the order of their first patch."""

    def __init__(self, path: Path, settings: Settings) -> None:
        import h5py

        self.path, self._shape = path, (settings.n_fft // 2 + 1, settings.patch_frames)
        check_regular(path)
        if not path.is_file():
            raise TableError(path, "no such file", "name an existing HDF5 file")
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise TableError(path, "not an HDF5 file", "name a .h5 file of spectrogram patches") from error
        try:
            self._rows = self._index()
        except DAMAGED as error:
            self._file.close()
            raise TableError(path, f"damaged ({str(error)[:120]})", "write it again") from error
        except BaseException:
            self._file.close()
            raise
        self.ids = tuple(self._rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def patches(self, track_id: str) -> Iterator[Floats]:
        """Yield the patches of a track, (frame, bin) float32; raise AudioError if they are not finite and >= 0."""
        dataset, rows = self._rows[track_id]
        for number, row in enumerate(rows):
            try:
                patch = np.asarray(dataset[int(row)], np.float32)
            except DAMAGED as error:
                detail = f"patch {number} cannot be read ({error}); write the file again"
                raise AudioError(f"{self.path}#{track_id}", Reason.UNREADABLE, detail) from error
            if not (np.isfinite(patch).all() and patch.min() >= 0):
                detail = f"patch {number} has NaN, infinite or negative magnitudes; compute it again"
                raise AudioError(f"{self.path}#{track_id}", Reason.BAD_VALUES, detail)
            yield np.ascontiguousarray(patch.T)

    def _index(self) -> dict[str, tuple[Any, Indices]]:
        """Return the dataset and rows of each track's patches."""
        if "patches" in self._file and "track_id" in self._file:
            patches, stored = self._dataset("patches"), self._dataset("track_id")
            self._check(patches, "patches")
            if stored.size != len(patches):
                problem = f"{len(patches)} patches, but {stored.size} track ids"
                raise TableError(self.path, problem, "give one track_id per patch")
            names = _texts(stored[...])
            self._check_ids(names)
            rows: dict[str, list[int]] = {}
            for row, name in enumerate(names):
                rows.setdefault(name, []).append(row)
            index = {name: (patches, np.array(of_track)) for name, of_track in rows.items()}
        else:
            index = self._index_datasets()
        if not index:
            raise TableError(self.path, "no patches in it", "store datasets `patches` and `track_id`, or one per track")
        return index

    def _index_datasets(self) -> dict[str, tuple[Any, Indices]]:
        import h5py

        datasets: dict[str, Any] = {}

        def add(name: str, item: Any) -> None:  # follows neither soft nor external links
            if isinstance(item, h5py.Dataset):
                datasets[name] = item

        self._file.visititems(add)
        self._check_ids(list(datasets))
        for name, dataset in datasets.items():
            self._check(dataset, name)
        return {name: (dataset, np.arange(len(dataset))) for name, dataset in sorted(datasets.items())}

    def _check_ids(self, names: list[str]) -> None:
        for row, name in enumerate(names, start=1):
            if problem := id_problem(name):
                raise TableError(self.path, f"track_id {problem}", "give the patch another id", row=row)

    def _dataset(self, name: str) -> Any:
        """Return a dataset; TableError for another object, or for a link, which may lead to another file."""
        import h5py

        if not isinstance(self._file.get(name, getlink=True), h5py.HardLink):
            raise TableError(self.path, f"{name!r} is a link", "store the dataset itself")
        found = self._file[name]
        if not isinstance(found, h5py.Dataset):
            raise TableError(self.path, f"{name!r} is no dataset", "store datasets `patches` and `track_id`")
        return found

    def _check(self, dataset: Any, name: str) -> None:
        shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
        kind = getattr(dataset, "dtype", np.dtype(object)).kind
        if len(shape) != 3 or shape[1:] != self._shape or shape[0] == 0 or kind not in "fiu":
            fix = f"expected numbers of shape (n, {self._shape[0]}, {self._shape[1]}), frequency before time"
            raise TableError(self.path, f"dataset {name!r} has shape {shape}", fix)
        if dataset.is_virtual or dataset.external:
            raise TableError(self.path, f"dataset {name!r} is stored in other files", "store its values in this file")
        claimed, stored = shape[0] * shape[1] * shape[2] * dataset.dtype.itemsize, dataset.id.get_storage_size()
        if claimed > MAX_COMPRESSION * stored:
            problem = f"dataset {name!r} has shape {shape}, but {stored:,} bytes are stored"
            raise TableError(self.path, problem, "write all patches")


def patch_ids(path: Path, settings: Settings) -> tuple[str, ...]:
    """Return the ids of the tracks of a file in the order of their first patch; TableError as `PatchFile` raises it."""
    return open_patches(path, settings).ids


@lru_cache(maxsize=1)
def _opened(path: Path, settings: Settings, _mtime_ns: int) -> PatchFile:
    return PatchFile(path, settings)


def open_patches(path: Path, settings: Settings) -> PatchFile:
    """Return an open file; the last one stays open, so that its index is read once for all of its tracks."""
    try:
        version = path.stat().st_mtime_ns
    except OSError:
        version = 0
    return _opened(path, settings, version)


def _texts(values: NDArray[Any]) -> list[str]:
    """Return ids as text, whatever their type in the file."""
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.ravel()]
