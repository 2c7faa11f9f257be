"""Bag of tones: nearest centroids by brute force, histograms by hand."""

from __future__ import annotations

import numpy as np

from unheard.models.bag_of_tones import Codebook, fit_codebook


def test_nearest_against_brute_force() -> None:
    rng = np.random.default_rng(0)
    book = Codebook(rng.normal(size=(17, 39)).astype(np.float32))
    frames = rng.normal(size=(5000, 39)).astype(np.float32)  # more than one block
    truth = [int(((frame - book.centroids) ** 2).sum(axis=1).argmin()) for frame in frames]
    assert book.nearest(frames).tolist() == truth


def test_histogram_by_hand() -> None:
    """Frames near tones 2, 0, 2, 2: a quarter and three quarters."""
    book = Codebook(np.array([[0.0], [5.0], [10.0]], np.float32))
    histogram = book.histogram(np.array([[9.0], [1.0], [12.0], [10.5]], np.float32))
    assert histogram.tolist() == [0.25, 0.0, 0.75]


def test_tones_land_on_separate_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 39)).astype(np.float32) * 30
    tracks = [(centres[rng.integers(6, size=80)] + rng.normal(size=(80, 39))).astype(np.float32) for _ in range(10)]
    book = fit_codebook(iter(tracks), tones=40, n_tracks=10, seed=0)
    assert len(book) == 40
    frames = np.concatenate(tracks)
    distance = np.linalg.norm(frames - book.centroids[book.nearest(frames)], axis=1)
    assert distance.mean() < 6.5  # sqrt(39) = 6.2 around a cluster's own centre


def test_a_codebook_depends_on_its_seed_only() -> None:
    rng = np.random.default_rng(1)
    tracks = [rng.normal(size=(400, 39)).astype(np.float32) for _ in range(4)]
    first, again, other = (fit_codebook(tracks, tones=8, n_tracks=4, seed=seed) for seed in (3, 3, 4))
    assert first.centroids.tobytes() == again.centroids.tobytes()
    assert first.centroids.tobytes() != other.centroids.tobytes()


def test_fewer_frames_than_tones_make_fewer_tones() -> None:
    frames = np.array([[1.0] * 39, [2.0] * 39, [1.0] * 39], np.float32)
    book = fit_codebook([frames], tones=4000, n_tracks=1, seed=0)
    assert len(book) == 2
    assert np.allclose(book.histogram(frames), [2 / 3, 1 / 3])
    assert book.histogram(np.zeros((0, 39), np.float32)).tolist() == [0.0, 0.0]
