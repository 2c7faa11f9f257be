"""Ready-made magnitude spectrograms, instead of audio: HDF5 files of patches of 513 frequency bins x 256 frames.

Two layouts: datasets `patches` (n, 513, 256) and `track_id` (n,), where the patches of one track are in order but need
not be neighbours; or one dataset (n, 513, 256) per track, named by its id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError, Reason, TableError
from unheard.workspace import Settings

PATCH_SUFFIXES = frozenset({".h5", ".hdf5"})


class PatchFile:
    """An open file of patches. `ids` are its tracks in the order of their first patch."""

    def __init__(self, path: Path, settings: Settings) -> None:
        import h5py

        self.path, self._shape = path, (settings.n_fft // 2 + 1, settings.patch_frames)
        if not path.is_file():
            raise TableError(path, "no such file", "name an existing HDF5 file")
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise TableError(path, "not an HDF5 file", "name a .h5 file of spectrogram patches") from error
        try:
            self._where = self._index()
        except BaseException:
            self._file.close()
            raise
        self.ids = tuple(self._where)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._file.close()

    def patches(self, track_id: str) -> Iterator[NDArray[np.float32]]:
        """Magnitudes of one track, patch by patch, (frame, bin) float32; AudioError if they are not finite and >= 0."""
        dataset, rows = self._where[track_id]
        for place, row in enumerate(rows):
            try:
                patch = np.asarray(dataset[int(row)], np.float32)
            except (OSError, TypeError, ValueError) as error:
                detail = f"patch {place} cannot be read ({error}); write the file again"
                raise AudioError(f"{self.path}#{track_id}", Reason.UNREADABLE, detail) from error
            if not (np.isfinite(patch).all() and patch.min() >= 0):
                detail = f"patch {place} has NaN, infinite or negative magnitudes; compute it again"
                raise AudioError(f"{self.path}#{track_id}", Reason.BAD_VALUES, detail)
            yield np.ascontiguousarray(patch.T)

    def _index(self) -> dict[str, tuple[Any, NDArray[np.int64]]]:
        """Where each track's patches are: dataset and rows."""
        if "patches" in self._file and "track_id" in self._file:
            patches, names = self._file["patches"], _texts(self._file["track_id"][...])
            self._check(patches, "patches")
            if len(names) != len(patches):
                problem = f"{len(patches)} patches, but {len(names)} track ids"
                raise TableError(self.path, problem, "give one track_id per patch")
            if "" in names:
                raise TableError(self.path, "track_id is empty", "give the patch an id", row=names.index("") + 1)
            rows: dict[str, list[int]] = {}
            for row, name in enumerate(names):
                rows.setdefault(name, []).append(row)
            where = {name: (patches, np.array(found)) for name, found in rows.items()}
        else:
            where = self._index_datasets()
        if not where:
            raise TableError(self.path, "no patches in it", "store datasets `patches` and `track_id`, or one per track")
        return where

    def _index_datasets(self) -> dict[str, tuple[Any, NDArray[np.int64]]]:
        import h5py

        found: dict[str, Any] = {}
        self._file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        for name, dataset in found.items():
            self._check(dataset, name)
        return {name: (dataset, np.arange(len(dataset))) for name, dataset in sorted(found.items())}

    def _check(self, dataset: Any, name: str) -> None:
        shape: tuple[int, ...] = getattr(dataset, "shape", None) or ()
        kind = getattr(dataset, "dtype", np.dtype(object)).kind
        if len(shape) != 3 or shape[1:] != self._shape or shape[0] == 0 or kind not in "fiu":
            fix = f"expected numbers of shape (n, {self._shape[0]}, {self._shape[1]}), frequency before time"
            raise TableError(self.path, f"dataset {name!r} has shape {shape}", fix)


def _texts(values: NDArray[Any]) -> list[str]:
    """Ids as text, whatever HDF5 keeps them as."""
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.ravel()]
