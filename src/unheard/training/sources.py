"""What a stage reads: patches cut from the mel store, or one vector per track. Plain arrays, rows are tracks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.errors import AudioError, Reason
from unheard.ids import IdMap
from unheard.models.bag_of_tones import Codebook
from unheard.progress import Progress, silent
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.statistics import statistics
from unheard.spectrograms.store import MelStore

NORM_TRACKS = 2000  # enough to fix a mean and a deviation per band
NORM_PATCHES = 4
LEAST_STD_DB = 1.0  # a band that is always silent has no deviation of its own


@dataclass(frozen=True)
class PatchSource:
    """Patches of `patch_frames` frames of the tracks of a mel store."""

    store: MelStore

    @property
    def ids(self) -> IdMap:
        return self.store.ids

    @property
    def shape(self) -> tuple[int, ...]:
        """(mel, frame) of one item."""
        return self.store.frames.shape[1], self.store.patch_frames

    def random_starts(self, rows: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int64]:
        """First frames of random patches, one per row; 0 for tracks shorter than a patch."""
        last = np.maximum(0, self.store.n_frames[rows] - self.store.patch_frames)
        starts: NDArray[np.int64] = rng.integers(0, last + 1)
        return starts

    def cover(self, row: int, limit: int | None) -> NDArray[np.int64]:
        """First frames of the patches that cover a track, or of `limit` of them, evenly spread.

        The last one is moved back so that it is full: the silence behind a track is nothing that training has seen.
        """
        width = self.store.patch_frames
        starts = np.arange(self.store.n_patches(row), dtype=np.int64) * width
        starts = np.minimum(starts, max(0, int(self.store.n_frames[row]) - width))
        return starts if limit is None or len(starts) <= limit else starts[_spread(len(starts), limit)]

    def batch(self, rows: NDArray[np.integer], starts: NDArray[np.integer]) -> NDArray[Any]:
        """Stored numbers (batch, frame, mel)."""
        return self.store.raw_patches(rows, starts)

    def moments(self, train: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of each mel band in decibels over patches of train tracks, (mel,) each."""
        rows = train if len(train) <= NORM_TRACKS else train[_spread(len(train), NORM_TRACKS)]
        n, total, squares = 0, np.zeros(self.shape[0]), np.zeros(self.shape[0])
        for row in rows:
            starts = self.cover(int(row), NORM_PATCHES)
            frames = self.batch(np.full(len(starts), row), starts).reshape(-1, self.shape[0])
            if (length := int(self.store.n_frames[row])) < self.store.patch_frames:
                frames = frames[:length]  # the rest is silence that is not the track's
            db = self.store.encoding.decode(frames).astype(np.float64)
            n, total, squares = n + len(db), total + db.sum(axis=0), squares + (db**2).sum(axis=0)
        mean = total / n
        std = np.sqrt(np.maximum(0.0, squares / n - mean**2))
        return mean.astype(np.float32), np.maximum(std, LEAST_STD_DB).astype(np.float32)


@dataclass(frozen=True)
class VectorSource:
    """One vector per track, (track, width) float32. `pooled`: scale all columns by one deviation (histograms)."""

    ids: IdMap
    vectors: NDArray[np.float32]
    pooled: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.vectors.shape[1],)

    def random_starts(self, rows: NDArray[np.integer], _rng: np.random.Generator) -> NDArray[np.int64]:
        return np.zeros(len(rows), np.int64)

    def cover(self, _row: int, _limit: int | None) -> NDArray[np.int64]:
        return np.zeros(1, np.int64)

    def batch(self, rows: NDArray[np.integer], _starts: NDArray[np.integer]) -> NDArray[Any]:
        """(batch, width)."""
        vectors: NDArray[np.float32] = self.vectors[rows]
        return vectors

    def moments(self, train: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of each column over the train tracks; a constant column has deviation 1."""
        known = self.vectors[train].astype(np.float64)
        mean, std = known.mean(axis=0), known.std(axis=0)
        if self.pooled:
            std = np.full_like(std, np.sqrt((std**2).mean()))
        constant = std <= 1e-8 * np.maximum(1e-6, np.abs(mean))
        return mean.astype(np.float32), np.where(constant, 1.0, std).astype(np.float32)


Source = PatchSource | VectorSource


def statistics_of(store: MelStore, rows: NDArray[np.integer]) -> VectorSource:
    """Mel and MFCC statistics computed from stored spectrograms, for tracks that have none in the library."""
    return _each(store, rows, statistics, pooled=False)


def histograms_of(
    store: MelStore, rows: NDArray[np.integer], codebook: Codebook, progress: Progress = silent
) -> VectorSource:
    """Bag-of-tones histograms of stored spectrograms."""
    return _each(store, rows, lambda mel_db: codebook.histogram(bag_frames(mel_db)), pooled=True, progress=progress)


def _each(
    store: MelStore,
    rows: NDArray[np.integer],
    vector: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *,
    pooled: bool,
    progress: Progress = silent,
) -> VectorSource:
    vectors = []
    for done, row in enumerate(rows, 1):
        vectors.append(vector(store.track_db(int(row))))
        progress("describing tracks", done, len(rows))
    matrix = np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)
    return VectorSource(IdMap(store.ids.take(rows)), matrix, pooled)


def store_of_mels(mels: list[NDArray[Any]], like: MelStore) -> MelStore:
    """A store in memory of encoded spectrograms (frame, mel) that are in no library."""
    for place, mel in enumerate(mels):
        if mel.ndim != 2 or mel.shape[1] != like.frames.shape[1] or not len(mel):
            expected = f"(frame, {like.frames.shape[1]}) with at least one frame"
            raise AudioError(f"spectrogram {place}", Reason.BAD_VALUES, f"expected {expected}, found {mel.shape}")
    counts = np.array([len(mel) for mel in mels], np.int64)
    frames = np.concatenate(mels) if mels else like.frames[:0]
    ids = IdMap(str(place) for place in range(len(mels)))
    return MelStore(ids, np.cumsum(counts) - counts, counts, like.patch_frames, like.encoding, frames)


def _spread(n: int, limit: int) -> NDArray[np.int64]:
    """`limit` of n places, evenly."""
    return np.round(np.linspace(0, n - 1, limit)).astype(np.int64)
