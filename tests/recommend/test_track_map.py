"""Tests of the map: neighbourhoods, bounds, and stored files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import unheard
from tests.builders import music_world as world
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.recommend.track_map import TrackMap, load_map, pca, project, save_map, tsne
from unheard.session import Session

pytestmark = pytest.mark.slow


def clusters(n: int, *, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Unit vectors around eight directions in 12 dimensions, and which one each belongs to."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.standard_normal((12, 8)))[0].T
    of = rng.integers(8, size=n)
    x = centres[of] + 0.12 * rng.standard_normal((n, 12))
    return x / np.linalg.norm(x, axis=1, keepdims=True), of


def share_at_home(points: NDArray[np.float32], of: NDArray[np.int64]) -> float:
    """How many points have a nearest point of their own cluster."""
    far = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    return float((of[far.argmin(axis=1)] == of).mean())


def test_pca_is_the_plane_of_most_variance() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6)) * [1, 9, 1, 4, 1, 1]
    points = pca(x).astype(np.float64)
    for axis, column in ((0, 1), (1, 3)):
        assert abs(np.corrcoef(points[:, axis], x[:, column])[0, 1]) > 0.98


@pytest.mark.parametrize("landmarks", [10_000, 150], ids=["all", "landmarks"])
def test_tsne_keeps_clusters_together(landmarks: int) -> None:
    x, of = clusters(400)
    points = tsne(x, rng=np.random.default_rng(1), landmarks=landmarks)
    assert share_at_home(points, of) > 0.95
    assert np.abs(points).max() == pytest.approx(1)


@pytest.mark.parametrize("shape", [(0, 4), (1, 4), (3, 4), (5, 1), (30, 2)])
def test_small_and_flat_libraries_have_a_map(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    points = tsne(x, rng=np.random.default_rng(0))
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()


def test_zero_vectors_are_projected() -> None:
    x, _ = clusters(60)
    x[::7] = 0
    assert np.isfinite(tsne(x, rng=np.random.default_rng(0))).all()


def test_a_stored_map_has_the_digest_of_its_space(tmp_path: Path) -> None:
    x, _ = clusters(40)
    ids = IdMap(f"t{i}" for i in range(40))
    track_map = project(ids, x, "pca", rng=np.random.default_rng(0))
    save_map(tmp_path / "map.safetensors", track_map)
    stored = load_map(tmp_path / "map.safetensors")
    assert isinstance(stored, TrackMap)
    np.testing.assert_array_equal(stored.points, track_map.points)
    assert (stored.digest, stored.method, list(stored.ids)) == (track_map.digest, "pca", list(ids))
    assert project(ids, -x, "pca", rng=np.random.default_rng(0)).digest != track_map.digest
    assert load_map(tmp_path / "none.safetensors") is None
    (tmp_path / "map.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="not an unheard artefact"):
        load_map(tmp_path / "map.safetensors")


def test_a_session_returns_the_stored_map_only_if_it_is_current(tmp_path: Path) -> None:
    workspace = world.build(tmp_path / "w")
    session = Session(workspace.root, model="toy")
    assert session.track_map().method == "pca"
    session.draw_map()
    assert unheard.open(workspace.root, model="toy").track_map().method == "tsne"
    world.write_predictions(workspace, "artists", "toy", noise=0.2, rng=np.random.default_rng(5))
    assert Session(workspace.root, model="toy").track_map().method == "pca"
    with pytest.raises(UserError, match="no vectors"):
        _ = Session(workspace.root, model="popularity").directions
