"""Represent a track as a bag of tones: a histogram of its frames over a codebook.

Thesis 3.4.1 and 5.1, after McKinney & Breebaart. Each frame's 39 numbers (13 MFCC, deltas of order 1 and 2) are
assigned to the nearest of k centroids; the histogram is divided by the number of frames. The codebook is fitted by
k-means on frames of train tracks only. As in the thesis the MFCCs are not rescaled, so the first coefficients
(loudness, brightness) have the largest weight.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unheard.arrays import Floats, Indices
from unheard.models.k_means import k_means, nearest

FRAMES_PER_TONE = 50  # for k-means; more changes the centroids little and costs time in proportion


@dataclass(frozen=True)
class Codebook:
    """centroids (k, 39) float32."""

    centroids: Floats

    def __len__(self) -> int:
        return len(self.centroids)

    def nearest(self, frames: Floats) -> Indices:
        """Return the index of the centroid nearest to each frame: (frame, 39) -> (frame,)."""
        return nearest(frames, self.centroids)

    def histogram(self, frames: Floats) -> Floats:
        """Return the share of the frames at each tone: (frame, 39) -> (k,) float32, sums to 1."""
        counts = np.bincount(self.nearest(frames), minlength=len(self))
        return (counts / max(1, len(frames))).astype(np.float32)


def fit_codebook(tracks: Iterable[Floats], *, tones: int, n_tracks: int, seed: int) -> Codebook:
    """Fit a codebook by k-means (models/k_means.py) to a bounded, even sample of each track's frames.

    tracks    (frame, 39) for each TRAIN track
    n_tracks  number of tracks, so that the sample can be bounded before they are read
    tones     k; if there are fewer distinct frames, each of them is a tone
    """
    rng = np.random.default_rng([seed, 4000])
    per_track = frames_per_track(tones * FRAMES_PER_TONE, n_tracks)
    sample = np.concatenate([some_frames(frames, per_track, rng) for frames in tracks])
    return Codebook(k_means(sample, tones, rng=rng))


def frames_per_track(n_frames: int, n_tracks: int) -> int:
    """Return the number of frames to take from each track for `n_frames` in total."""
    return max(1, -(-n_frames // max(1, n_tracks)))


def some_frames(frames: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return at most `n` random frames, in their order: (frame, 39) -> (n, 39)."""
    return frames if len(frames) <= n else frames[np.sort(rng.choice(len(frames), n, replace=False))]
