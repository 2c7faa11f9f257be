"""k-means against Lloyd's step written as loops, scikit-learn's mini-batches, and the law that inertia never rises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from unheard.models import k_means as module
from unheard.models.k_means import first_distinct, k_means, lloyd_step, nearest


def frames(n: int, seed: int = 0, n_groups: int = 30) -> NDArray[np.float32]:
    """Return points in groups of different widths, far from the origin, as MFCC are."""
    rng = np.random.default_rng(seed)
    group = rng.integers(n_groups, size=n)
    centres = rng.normal(size=(n_groups, 39)) * 50 - 300
    return (centres[group] + rng.normal(size=(n, 39)) * (1 + group[:, None] % 7)).astype(np.float32)


def slow_step(points: NDArray[np.float32], centres: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return what `lloyd_step` returns, point by point in double precision."""
    members: list[list[NDArray[np.float32]]] = [[] for _ in centres]
    squares = []
    for point in points:
        distances = ((point.astype(np.float64) - centres) ** 2).sum(axis=1)
        members[int(distances.argmin())].append(point)
        squares.append(float(distances.min()))
    farthest = iter(np.argsort(-np.array(squares), kind="stable"))
    moved = [np.mean(some, axis=0, dtype=np.float64) if some else points[next(farthest)] for some in members]
    return np.array(moved), sum(squares)


def test_a_step_is_lloyds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With several blocks of points, blocks of scores that are not full, and a centre that no point is nearest to."""
    monkeypatch.setattr(module, "BLOCK_POINTS", 300)
    points = frames(1000)
    centres = np.concatenate([points[:50], np.zeros((1, 39), np.float32)])
    moved, inertia = lloyd_step(points, centres)
    expected, squares = slow_step(points, centres)
    np.testing.assert_allclose(moved, expected, rtol=1e-5)
    assert inertia == pytest.approx(squares, rel=1e-4)
    assert (moved[50] == points).all(axis=1).any()


def test_nearest_at_the_borders_of_blocks() -> None:
    points, centres = frames(200, seed=1), frames(3000, seed=2)  # 87 points at a time
    truth = [int(((point.astype(np.float64) - centres) ** 2).sum(axis=1).argmin()) for point in points]
    assert nearest(points, centres).tolist() == truth
    assert nearest(points[:0], centres).tolist() == []


@pytest.mark.parametrize("seed", range(3))
def test_inertia_never_rises(seed: int) -> None:
    points = frames(2000, seed)
    centres, inertias = points[:40], []
    for _ in range(12):
        centres, inertia = lloyd_step(points, centres)
        inertias.append(inertia)
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(inertias))
    assert inertias[-1] < 0.9 * inertias[0]


def test_inertia_is_that_of_mini_batches_of_scikit_learn() -> None:
    """On points without separate groups whose coordinates vary less and less, as those of music do."""
    from sklearn.cluster import MiniBatchKMeans

    rng = np.random.default_rng(0)
    points = (rng.standard_t(5, size=(20_000, 39)) * np.geomspace(150, 1, 39)).astype(np.float32)
    ours = lloyd_step(points, k_means(points, 200, rng=np.random.default_rng(0)))[1]
    theirs = MiniBatchKMeans(200, init="random", n_init=1, batch_size=4096, max_iter=30, random_state=0).fit(points)
    assert ours < 1.01 * lloyd_step(points, theirs.cluster_centers_.astype(np.float32))[1]


def test_centres_depend_on_the_seed_alone() -> None:
    points = frames(3000)
    first, again, other = (k_means(points, 60, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    assert first.dtype == np.float32
    assert first.shape == (60, 39)


def test_centres_do_not_depend_on_the_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_POINTS", 500)
    found = []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found.append(k_means(frames(3000), 60, rng=np.random.default_rng(0)).tobytes())
    assert found[0] == found[1]


def test_fewer_distinct_points_than_centres() -> None:
    """Silent frames are all the same; each distinct point is a centre once."""
    points = np.repeat(frames(5), 100, axis=0)
    centres = k_means(points, 8, rng=np.random.default_rng(0))
    assert sorted(map(bytes, centres)) == sorted(map(bytes, frames(5)))
    exactly = k_means(points, 5, rng=np.random.default_rng(0))
    np.testing.assert_allclose(np.sort(exactly, axis=0), np.sort(frames(5), axis=0), rtol=1e-6)
    assert len(first_distinct(points, 3)) == 3
