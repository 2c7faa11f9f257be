"""Bag of tones: a track as a histogram over a codebook of sounds (thesis 3.4.1 and 5.1, after McKinney & Breebaart).

Each frame's 39 numbers (13 MFCC, deltas of order 1 and 2) go to the nearest of k centroids; a track is how often each
was taken, divided by its number of frames. The codebook is fitted by mini-batch k-means on frames of train tracks only.
As in the thesis the MFCCs are not rescaled, so the first coefficients (loudness, brightness) count most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_TONE = 50  # what k-means sees: more moves the centroids little and costs time in proportion
BLOCK_FRAMES = 4096


@dataclass(frozen=True)
class Codebook:
    """centroids (k, 39) float32."""

    centroids: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centroids)

    def nearest(self, frames: NDArray[np.float32]) -> NDArray[np.int64]:
        """The centroid nearest to each frame: (frame, 39) -> (frame,)."""
        norms = (self.centroids**2).sum(axis=1)
        blocks = [
            (norms - 2 * frames[start : start + BLOCK_FRAMES] @ self.centroids.T).argmin(axis=1)
            for start in range(0, len(frames), BLOCK_FRAMES)
        ]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int64)

    def histogram(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Share of the frames at each tone: (frame, 39) -> (k,) float32, sums to 1."""
        counts = np.bincount(self.nearest(frames), minlength=len(self))
        return (counts / max(1, len(frames))).astype(np.float32)


def fit_codebook(tracks: Iterable[NDArray[np.float32]], *, tones: int, n_tracks: int, seed: int) -> Codebook:
    """Mini-batch k-means (Sculley 2010) over a bounded, even sample of each track's frames.

    tracks    (frame, 39) for each TRAIN track
    n_tracks  how many there are, so that the sample can be bounded before they are read
    tones     k; with fewer distinct frames than that, there are as many tones as distinct frames
    """
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng([seed, 4000])
    per_track = frames_per_track(tones * FRAMES_PER_TONE, n_tracks)
    sample = np.concatenate([some_frames(frames, per_track, rng) for frames in tracks])
    distinct = np.unique(sample, axis=0)
    if len(distinct) <= tones:
        return Codebook(distinct.astype(np.float32))
    means = MiniBatchKMeans(
        tones,
        init="random",
        n_init=1,
        batch_size=max(4096, tones),
        max_iter=30,
        random_state=seed,
    ).fit(sample)
    return Codebook(means.cluster_centers_.astype(np.float32))


def frames_per_track(n_frames: int, n_tracks: int) -> int:
    """How many frames to take of each track for `n_frames` of all together."""
    return max(1, -(-n_frames // max(1, n_tracks)))


def some_frames(frames: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """At most `n` of the frames, in their order: (frame, 39) -> (n, 39)."""
    return frames if len(frames) <= n else frames[np.sort(rng.choice(len(frames), n, replace=False))]
