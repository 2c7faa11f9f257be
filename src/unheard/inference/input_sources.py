"""What a stage reads: patches cut from the mel store, or one vector per track."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Doubles, Floats, Indices, Rows
from unheard.errors import AudioError, Reason
from unheard.ids import IdMap
from unheard.models.bag_of_tones import Codebook
from unheard.models.recipe import SONG_FRAMES, Selection, Stage
from unheard.progress import Progress, silent
from unheard.spectrograms.mfcc import bag_frames
from unheard.spectrograms.statistics import statistics
from unheard.spectrograms.store import MelStore
from unheard.workspace import Settings

NORM_TRACKS = 2000  # enough to estimate mean and deviation of each band
NORM_PATCHES = 4
MIN_STD_DB = 1.0  # of a band that is always silent
SKIP_S = 30.0  # as the thesis: 87 % of the Billboard Top 100 of 2015 and 2016 have shorter intros and outros
BEST_SHARE = 0.25


def mean_power(mel_db: Floats) -> Doubles:
    """Return the mean power of patches, (patch, frame, mel) decibels -> (patch,)."""
    power: Doubles = (10.0 ** (mel_db.astype(np.float64) / 10)).mean(axis=(1, 2))
    return power


def spectral_entropy(mel_db: Floats) -> Doubles:
    """Return the mean over frames of the entropy of power over mel bands, in nats (Shen, Hung & Lee 1998).

    It is 0 for a pure tone, and the log of the number of bands for an even spectrum. (patch, frame, mel) decibels ->
    (patch,).
    """
    power = 10.0 ** (mel_db.astype(np.float64) / 10)
    share = power / power.sum(axis=2, keepdims=True)
    entropy: Doubles = -(share * np.log(share)).sum(axis=2).mean(axis=1)
    return entropy


BEST: dict[Selection, Callable[[Floats], Doubles]] = {
    "energy": mean_power,
    "entropy": spectral_entropy,
}


@dataclass(frozen=True)
class PatchSource:
    """Patches of `store.patch_frames` frames of the tracks of a mel store.

    selection    which patches (see `Selection`)
    skip_frames  frames at both ends that selection "body" leaves out; of tracks too short for that, the middle is taken
    repeat       repeat a track that is shorter than a patch; else fill with silence
    only         first frames of the patches to use, by row; a row that is missing uses all
    bag          patches of one item. One: first frames are (items,) and stored numbers (items, frame, mel). More: they
                 are (items, bag) and (items, bag, frame, mel)
    """

    store: MelStore
    selection: Selection = "random"
    skip_frames: int = 0
    repeat: bool = False
    only: Mapping[int, Indices] | None = None
    bag: int = 1
    _best: dict[int, Indices] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ids(self) -> IdMap:
        return self.store.ids

    @property
    def shape(self) -> tuple[int, ...]:
        """(mel, frame) of one item."""
        return self.store.n_mels, self.store.patch_frames

    def random_starts(self, rows: Rows, rng: np.random.Generator) -> Indices:
        """Draw first frames of patches that the selection allows, one item per row."""
        if self.bag > 1:
            single = replace(self, bag=1)
            together: Indices = single.random_starts(np.repeat(rows, self.bag), rng).reshape(-1, self.bag)
            return together
        if self.only is not None or self.selection in BEST:
            return np.array([rng.choice(self.cover(int(row), None)) for row in rows], np.int64)
        first, last = self._bounds(rows)
        starts: Indices = rng.integers(first, last + 1)
        return starts

    def cover(self, row: int, limit: int | None) -> Indices:
        """Return first frames of the patches that cover a track, or of `limit` of them, evenly spread.

        The last patch is moved back so that it is full, because training never sees the silence after a track. If
        there are several bags, each spans the whole track; some patches are repeated to fill them.
        """
        if self.only is not None and row in self.only:
            starts = self.only[row]
        else:
            starts = self._best_starts(row) if self.selection in BEST else self._grid(row)
        if self.bag > 1:
            n_bags = -(-min(len(starts), limit or len(starts)) // self.bag)
            return starts[_spread(len(starts), n_bags * self.bag)].reshape(self.bag, n_bags).T
        return starts if limit is None or len(starts) <= limit else starts[_spread(len(starts), limit)]

    def batch(self, rows: Rows, starts: Rows) -> NDArray[Any]:
        """Return stored numbers (batch, frame, mel), or of bags (batch, bag, frame, mel)."""
        if starts.ndim == 2:
            patches = self.batch(np.repeat(rows, starts.shape[1]), starts.ravel())
            return patches.reshape(*starts.shape, *patches.shape[1:])
        patches = self.store.raw_patches(rows, starts)
        if self.repeat:
            for index, row in enumerate(rows):
                if (length := int(self.store.n_frames[row])) < len(patches[index]):
                    patches[index] = np.resize(patches[index, :length], patches[index].shape)
        return patches

    def _bounds(self, rows: Rows) -> tuple[Indices, Indices]:
        """Return the first and the last frame at which a patch may begin, (rows,) each."""
        last = np.maximum(0, self.store.n_frames[rows] - self.store.patch_frames)
        match self.selection:
            case "first":
                return np.zeros_like(last), np.zeros_like(last)
            case "middle":
                return last // 2, last // 2
            case "body":
                fits = last >= 2 * self.skip_frames
                return np.where(fits, self.skip_frames, last // 2), np.where(fits, last - self.skip_frames, last // 2)
        return np.zeros_like(last), last

    def _grid(self, row: int) -> Indices:
        """Return adjacent patches from the first allowed frame to the last."""
        (first,), (last,) = self._bounds(np.array([row]))
        width = self.store.patch_frames
        n = 1 + -(-int(last - first) // width)
        starts: Indices = np.minimum(first + np.arange(n, dtype=np.int64) * width, last)
        return starts

    def _best_starts(self, row: int) -> Indices:
        """Return the `BEST_SHARE` of a track's patches with the highest score, in their order."""
        if row not in self._best:
            starts = self._grid(row)
            patches = self.batch(np.full(len(starts), row), starts)  # (patch, frame, mel)
            score = BEST[self.selection](self.store.encoding.decode(patches))
            best = np.argsort(-score, kind="stable")[: max(1, round(BEST_SHARE * len(starts)))]
            self._best[row] = starts[np.sort(best)]
        return self._best[row]

    def moments(self, train: Rows) -> tuple[Floats, Floats]:
        """Return mean and deviation of each mel band in decibels over patches of train tracks, (mel,) each."""
        rows = train if len(train) <= NORM_TRACKS else train[_spread(len(train), NORM_TRACKS)]
        n, total, squares = 0, np.zeros(self.shape[0]), np.zeros(self.shape[0])
        for row in rows:
            starts = self.cover(int(row), NORM_PATCHES)
            frames = self.batch(np.full(len(starts), row), starts).reshape(-1, self.shape[0])
            if (length := int(self.store.n_frames[row])) < self.store.patch_frames:
                frames = frames[:length]  # the rest is padding
            db = self.store.encoding.decode(frames).astype(np.float64)
            n, total, squares = n + len(db), total + db.sum(axis=0), squares + (db**2).sum(axis=0)
        mean = total / n
        std = np.sqrt(np.maximum(0.0, squares / n - mean**2))
        return mean.astype(np.float32), np.maximum(std, MIN_STD_DB).astype(np.float32)


@dataclass(frozen=True)
class VectorSource:
    """One vector per track, (track, width) float32. `pooled`: scale all columns by one deviation (histograms)."""

    ids: IdMap
    vectors: Floats
    pooled: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.vectors.shape[1],)

    def random_starts(self, rows: Rows, _rng: np.random.Generator) -> Indices:
        return np.zeros(len(rows), np.int64)

    def cover(self, _row: int, _limit: int | None) -> Indices:
        return np.zeros(1, np.int64)

    def batch(self, rows: Rows, _starts: Rows) -> NDArray[Any]:
        """(batch, width)."""
        vectors: Floats = self.vectors[rows]
        return vectors

    def moments(self, train: Rows) -> tuple[Floats, Floats]:
        """Return mean and deviation of each column over the train tracks; a constant column has deviation 1."""
        known = self.vectors[train].astype(np.float64)
        mean, std = known.mean(axis=0), known.std(axis=0)
        if self.pooled:
            std = np.full_like(std, np.sqrt((std**2).mean()))
        constant = std <= 1e-8 * np.maximum(1e-6, np.abs(mean))
        return mean.astype(np.float32), np.where(constant, 1.0, std).astype(np.float32)


Source = PatchSource | VectorSource


def patch_source(store: MelStore, stage: Stage, settings: Settings, patch_frames: int | None = None) -> PatchSource:
    """Return the patches that a stage reads; `patch_frames` is the length that training chose for whole songs."""
    width = patch_frames or stage.patch_frames or store.patch_frames
    skip = round(SKIP_S * settings.sample_rate / settings.hop_length)
    return PatchSource(
        replace(store, patch_frames=width), stage.selection, skip, repeat=stage.whole_song, bag=stage.bag or 1
    )


def song_frames(store: MelStore, train: Rows) -> int:
    """Return the frames of the longest train track, at most `SONG_FRAMES`."""
    return int(min(SONG_FRAMES, store.n_frames[train].max()))


def statistics_of(store: MelStore, rows: Rows) -> VectorSource:
    """Compute mel and MFCC statistics from stored spectrograms, for tracks that have none in the library."""
    return _each(store, rows, statistics, pooled=False)


def histograms_of(store: MelStore, rows: Rows, codebook: Codebook, progress: Progress = silent) -> VectorSource:
    """Compute bag-of-tones histograms of stored spectrograms."""
    return _each(store, rows, lambda mel_db: codebook.histogram(bag_frames(mel_db)), pooled=True, progress=progress)


def _each(
    store: MelStore,
    rows: Rows,
    vector: Callable[[Floats], Floats],
    *,
    pooled: bool,
    progress: Progress = silent,
) -> VectorSource:
    vectors = []
    for done, row in enumerate(rows, 1):
        vectors.append(vector(store.track_db(int(row))))
        progress("computing features", done, len(rows))
    matrix = np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)
    return VectorSource(IdMap(store.ids.take(rows)), matrix, pooled)


def store_of_mels(mels: list[NDArray[Any]], like: MelStore) -> MelStore:
    """Return a store in memory of encoded spectrograms (frame, mel) that are in no library."""
    for index, mel in enumerate(mels):
        if mel.ndim != 2 or mel.shape[1] != like.n_mels or not len(mel):
            expected = f"(frame, {like.n_mels}) with at least one frame"
            raise AudioError(f"spectrogram {index}", Reason.BAD_VALUES, f"expected {expected}, found {mel.shape}")
    counts = np.array([len(mel) for mel in mels], np.int64)
    frames = np.concatenate(mels) if mels else like.shards[0][:0]
    ids = IdMap(str(index) for index in range(len(mels)))
    return MelStore(ids, np.cumsum(counts) - counts, counts, like.patch_frames, like.encoding, (frames,))


def _spread(n: int, limit: int) -> Indices:
    """Return `limit` of n indices, evenly spread."""
    return np.round(np.linspace(0, n - 1, limit)).astype(np.int64)
