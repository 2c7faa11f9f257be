"""Tests of the map: neighbourhoods, bounds, and stored files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import unheard
from tests.builders import music_world as world
from tests.builders import sharp_world
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.recommenders import FactorRecommender
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


def share_of_cold_neighbours(space: FactorRecommender, cold: NDArray[np.bool_], method: str) -> float:
    """Return the share of cold tracks among the ten tracks of the map that are nearest to a cold one."""
    directions = space.directions(space.tracks).astype(np.float32)
    points = pca(directions) if method == "pca" else tsne(directions, rng=np.random.default_rng(0))
    far = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    return float(cold[far.argpartition(10, axis=1)[:, :10]][cold].mean())


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_known_and_new_tracks_are_mixed_on_the_map(catalogue: Catalogue, method: str) -> None:
    """With factors from plays for some tracks, the others would lie apart."""
    space, cold = sharp_world.recommender(catalogue)
    assert share_of_cold_neighbours(space, cold, method) > cold.mean() + 0.25
    assert abs(share_of_cold_neighbours(space.in_one_space, cold, method) - cold.mean()) < 0.06


def test_one_space_has_predictions_where_there_are_any() -> None:
    """The second track has no prediction: it keeps its factor from plays."""
    played, predicted = np.array([[1, 0], [0, 1]], np.float32), np.array([[0.5, 0.5], [0, 0]], np.float32)
    none = np.zeros((0, 2), np.float32)
    found = FactorRecommender("hand", played, none, np.zeros(2, np.float32), predicted=predicted).in_one_space
    np.testing.assert_array_equal(found.tracks, [[0.5, 0.5], [0, 1]])
    plain = FactorRecommender("hand", played, none, np.zeros(2, np.float32))
    assert plain.in_one_space is plain
