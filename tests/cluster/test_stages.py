"""Factors, embeddings and lists of a cluster are those of one machine."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.dataset as pads
import pytest
from scipy.sparse import csr_matrix

from tests.cluster.standalone import Cluster
from tests.cluster.test_scan import with_a_loss
from unheard import artefacts
from unheard.arrays import Rows
from unheard.cluster.embed import embed_on_cluster
from unheard.cluster.factors import factors_on_cluster, fit_mllib
from unheard.cluster.recommend import lists_on_cluster
from unheard.errors import UserError
from unheard.factors import als_reference
from unheard.factors.als import AlsConfig, FactorPair, fit_als
from unheard.factors.stage import compute_factors
from unheard.factors.store import load_factors
from unheard.inference.predictions import KIND, load_predictions, predictions_path
from unheard.inference.update_predictions import update_predictions
from unheard.library import open_library
from unheard.models.combiner import Combiner
from unheard.plays import read_plays
from unheard.session import Session
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPLIT = "artists"


def loss(plays: csr_matrix, factors: FactorPair, config: AlsConfig) -> float:
    """Return the objective of ALS."""
    X, Y = (part.astype(np.float64) for part in factors)
    return als_reference.objective(*als_reference.preference_and_confidence(plays, config), X, Y, config.regularization)


def overlap(plays: csr_matrix, left: FactorPair, right: FactorPair, n: int) -> float:
    """Return the mean share of the best `n` tracks that a playlist does not have, which two factorisations agree on."""

    def best(factors: FactorPair) -> Rows:
        scores = factors[0] @ factors[1].T
        scores[plays.nonzero()] = -np.inf
        return np.argpartition(-scores, n, axis=1)[:, :n]

    pairs = zip(best(left), best(right), strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) / n for pair in pairs]))


def tastes(n_playlists: int, n_tracks: int) -> csr_matrix:
    """Return plays of playlists with ten tastes, 20 a playlist; the last track has none."""
    rng = np.random.default_rng(5)
    wants = rng.standard_normal((n_playlists, 10)) @ rng.standard_normal((10, n_tracks))
    wants += rng.gumbel(size=wants.shape)
    wants[:, -1] = -np.inf
    plays = np.zeros(wants.shape, np.float32)
    np.put_along_axis(plays, np.argsort(-wants, axis=1)[:, :20], 1, axis=1)
    return csr_matrix(plays)


@pytest.mark.parametrize(("regularization", "iterations"), [(0.05, 20), (5.0, 8)])
def test_mllib_minimises_our_objective(
    spark: SparkSession, two_workers: Cluster, tmp_path: Path, regularization: float, iterations: int
) -> None:
    """As well as our solver and as an exact one do; the lists differ no more than theirs do.

    After 20 iterations a lineage that is not cut overflows the stack.
    """
    plays, config = tastes(300, 200), AlsConfig(dim=12, iterations=iterations, regularization=regularization)
    rng = np.random.default_rng(0)
    starts = [rng.normal(0, 0.1, (n, config.dim)) for n in plays.shape]
    ours, (X, Y, _) = fit_als(plays, config), als_reference.fit(plays, config, *starts)
    exact = X.astype(np.float32), Y.astype(np.float32)
    theirs = fit_mllib(spark, tmp_path, plays, config)
    assert loss(plays, theirs, config) < 1.02 * min(loss(plays, ours, config), loss(plays, exact, config))
    assert overlap(plays, ours, theirs, 20) > overlap(plays, ours, exact, 20) - 0.05
    assert not theirs[1][-1].any()
    assert not list(tmp_path.iterdir())


def test_a_lost_worker_changes_factors_by_rounding_only(
    spark: SparkSession, two_workers: Cluster, tmp_path: Path
) -> None:
    plays, config = tastes(300, 200), AlsConfig(dim=12, iterations=6)
    whole = fit_mllib(spark, tmp_path, plays, config)
    broken = with_a_loss(spark, two_workers, lambda: fit_mllib(spark, tmp_path, plays, config))
    assert loss(plays, broken, config) == pytest.approx(loss(plays, whole, config), rel=1e-3)
    assert overlap(plays, whole, broken, 20) > 0.98


def test_factors_are_the_same_artefact(spark: SparkSession, two_workers: Cluster, workspace: Workspace) -> None:
    config = AlsConfig(dim=8, iterations=4)
    compute_factors(workspace, SPLIT, config)
    local = {name: load_factors(workspace, name) for name in ("full", SPLIT)}
    factors_on_cluster(spark, workspace, SPLIT, config)
    with open_library(workspace.library_path) as library:
        plays = read_plays(workspace).for_tracks(library.tracks().ids).matrix
    for name, ours in local.items():
        theirs = load_factors(workspace, name)
        assert list(theirs.track_ids) == list(ours.track_ids)
        assert list(theirs.playlist_ids) == list(ours.playlist_ids)
        assert np.array_equal(theirs.known, ours.known)
        assert {**theirs.config, "digest": ""} == {**ours.config, "digest": ""}
    theirs = load_factors(workspace, "full")
    losses = [loss(plays, (found.playlists, found.tracks), config) for found in (theirs, local["full"])]
    assert losses[0] < 1.02 * losses[1]
    assert not list(workspace.root.glob(".cluster-*"))


def test_alpha_0_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="alpha is 0"):
        fit_mllib(spark, tmp_path, tastes(30, 40), AlsConfig(dim=2, alpha=0))


@pytest.mark.parametrize("model", ["tiny", "small"])
def test_embeddings_are_the_same(spark: SparkSession, two_workers: Cluster, workspace: Workspace, model: str) -> None:
    path = predictions_path(workspace, SPLIT, model)
    path.unlink()
    n = update_predictions(workspace, SPLIT, model)
    local = load_predictions(workspace, SPLIT, model)
    path.unlink()
    assert embed_on_cluster(spark, workspace, SPLIT, model) == n == 42
    found = load_predictions(workspace, SPLIT, model)
    assert list(found.ids) == list(local.ids)
    assert np.allclose(found.factors, local.factors, rtol=1e-5, atol=1e-5)
    if local.track_embeddings is not None:
        assert found.track_embeddings is not None
        assert np.allclose(found.track_embeddings, local.track_embeddings, rtol=1e-5, atol=1e-5)
    assert update_predictions(workspace, SPLIT, model) == 0  # the local command finds nothing to do
    assert embed_on_cluster(spark, workspace, SPLIT, model) == 0


@pytest.mark.parametrize("model", ["tiny", "small", "popularity"])
def test_lists_are_the_same(
    spark: SparkSession, two_workers: Cluster, workspace: Workspace, tmp_path: Path, model: str
) -> None:
    session = Session(workspace.root, split=SPLIT, model=model)
    n = session.write_recommendation_lists(tmp_path / "recs.csv", candidates="cold", n=5)
    assert lists_on_cluster(spark, workspace, SPLIT, model, tmp_path / "lists.parquet", k=5) == n
    local = pads.dataset(tmp_path / "recs.csv", format="csv").to_table().to_pylist()
    found = pads.dataset(tmp_path / "lists.parquet", format="parquet").to_table().to_pylist()
    keys = ("playlist_id", "rank", "track_id")
    assert [[str(row[key]) for key in keys] for row in found] == [[str(row[key]) for key in keys] for row in local]
    assert [row["score"] for row in found] == pytest.approx([row["score"] for row in local], rel=1e-6)


@pytest.fixture
def combined(workspace: Workspace) -> Workspace:
    """The blend `small` with a combiner that turns around what its members say; the artist and lengths count."""
    path = predictions_path(workspace, SPLIT, "small")
    stored, rng = artefacts.load(path, KIND), np.random.default_rng(0)
    n_members, k = 3, stored.arrays["places"].shape[1]
    starts = np.linspace(0, k, n_members + 1).astype(np.int64)
    f, h = n_members + 3, 4
    combiner = Combiner(
        starts, np.zeros(k, np.float32), np.zeros(f, np.float32), np.ones(f, np.float32),
        *(rng.standard_normal(shape).astype(np.float32) for shape in ((f,), (f, h), (h,), (h,))),
    )  # fmt: skip
    arrays = {name: array for name, array in stored.arrays.items() if not name.startswith("combiner.")}
    artefacts.save(path, KIND, config=stored.config, arrays=arrays | combiner.arrays, ids=stored.ids)
    return workspace


def test_combined_lists_are_the_same(
    spark: SparkSession, two_workers: Cluster, combined: Workspace, tmp_path: Path
) -> None:
    test_lists_are_the_same(spark, two_workers, combined, tmp_path, "small")
    assert load_predictions(combined, SPLIT, "small").combiner is not None


@pytest.mark.parametrize("model", ["small", "tiny"])
def test_capped_lists_are_those_of_recommend(
    spark: SparkSession, two_workers: Cluster, combined: Workspace, tmp_path: Path, model: str
) -> None:
    """For playlists with factors; the others' tracks are taken as likes by `unheard recommend`."""
    lists_on_cluster(spark, combined, SPLIT, model, tmp_path / "lists.parquet", k=5, cap=1)
    found: dict[str, list[tuple[str, float]]] = {}
    for row in pads.dataset(tmp_path / "lists.parquet", format="parquet").to_table().to_pylist():
        found.setdefault(row["playlist_id"], []).append((row["track_id"], row["score"]))
    session = Session(combined.root, split=SPLIT, model=model)
    known = [p for row, p in enumerate(session.catalogue.playlists) if session.catalogue.warm.playlists[row].any()]
    assert len(known) > 100
    for playlist in known[::10]:
        ids, scores = session.recommend(playlist=playlist, n=5, max_per_artist=1, explain=False)
        listed = found.get(playlist, [])  # none where it has versions of all
        assert [track for track, _ in listed] == ids
        assert [score for _, score in listed] == pytest.approx(scores.tolist(), rel=1e-5)


def test_one_playlist_with_half_of_all_plays(spark: SparkSession, two_workers: Cluster, tmp_path: Path) -> None:
    """MLlib sends a block of one side what it needs of the other once, so a large row is one task among many.

    Its stages take no more than a few times as long as with as many plays in rows of equal lengths.
    """
    rng, n_tracks = np.random.default_rng(0), 4000
    rows = [rng.choice(n_tracks, 20, replace=False) for _ in range(200)]
    even = [*rows, *(rng.choice(n_tracks, 20, replace=False) for _ in range(200))]
    skewed = [*rows, np.arange(n_tracks)]
    config, seconds = AlsConfig(dim=16, iterations=3), {}
    for name, lists in (("start", even), ("even", even), ("skewed", skewed)):
        indices, lengths = np.concatenate(lists), np.cumsum([0, *map(len, lists)])
        plays = csr_matrix((np.ones(len(indices), np.float32), indices, lengths), shape=(len(lists), n_tracks))
        started = time.monotonic()
        factors = fit_mllib(spark, tmp_path, plays, config)
        seconds[name] = time.monotonic() - started
    assert plays[200].nnz == plays.nnz / 2
    ours = fit_als(plays, config)
    assert loss(plays, factors, config) < 1.02 * loss(plays, ours, config)
    assert seconds["skewed"] < 5 * seconds["even"] + 5


def test_lists_replace_lists(spark: SparkSession, two_workers: Cluster, workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    for k in (3, 2):
        lists_on_cluster(spark, workspace, SPLIT, "tiny", out, k=k)
        assert pads.dataset(out, format="parquet").to_table()["rank"].to_numpy().max() == k
    assert not list(tmp_path.glob(".*partial"))
    shutil.rmtree(out)
