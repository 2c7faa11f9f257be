"""Features and networks of a cluster are those of one machine; a training survives a lost worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.builders.command_line import RECIPE
from tests.cluster.standalone import Cluster, wait_until
from tests.features.stored import get_features
from unheard.cluster.features import features_on_cluster
from unheard.cluster.spark import spark_session
from unheard.cluster.train import train_on_cluster
from unheard.errors import UnheardError, UserError
from unheard.features.update import update_features
from unheard.inference.predictions import predictions
from unheard.models.recipe import Recipe, load_recipe
from unheard.splits import load_split
from unheard.training.networks.train_network import train_network
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPLIT, KINDS = "artists", ["chroma", "mfcc"]  # from files, from stored spectrograms


def test_features_are_the_same(spark: SparkSession, two_workers: Cluster, workspace: Workspace) -> None:
    update_features(workspace, KINDS)
    local = {kind: get_features(workspace, kind).values.tobytes() for kind in KINDS}
    assert [report.extracted for report in features_on_cluster(spark, workspace, KINDS)] == [0, 0]
    reports = features_on_cluster(spark, workspace, KINDS, force=True)
    assert [report.extracted for report in reports] == [42, 42]
    assert {kind: get_features(workspace, kind).values.tobytes() for kind in KINDS} == local


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "parallel.toml").write_text(RECIPE.replace("tiny", "parallel"))
    return load_recipe(str(tmp_path / "parallel.toml"))


def test_a_network_is_the_same_though_a_worker_is_lost(
    spark: SparkSession, two_workers: Cluster, workspace: Workspace, recipe: Recipe
) -> None:
    """The command ends with an error, and the next one goes on from the checkpoint."""
    split, folder = load_split(workspace, SPLIT), workspace.model_dir(SPLIT, "parallel")
    train_network(workspace, recipe, split, device="cpu")
    ids, ours = predictions(workspace, SPLIT, "parallel")
    for path in folder.iterdir():
        path.unlink()

    def train() -> Path:
        return train_on_cluster(spark, workspace, recipe, split, processes=2, checkpoint_s=0.0)

    with ThreadPoolExecutor(1) as background:
        training = background.submit(train)
        running = folder / "training.safetensors"
        wait_until(lambda: training.done() or running.exists(), "a checkpoint")
        two_workers.kill_a_worker()
        message = r"the cluster gave up \(.*; run the same command again"
        with pytest.raises(UnheardError, match=message), spark_session(two_workers.master):
            training.result(timeout=150)
    assert running.exists()
    two_workers.start_workers()
    wait_until(lambda: spark.sparkContext.defaultParallelism == 2, "two executors")
    assert train() == folder / "checkpoint.safetensors"
    same, theirs = predictions(workspace, SPLIT, "parallel")
    assert list(same) == list(ids)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.safetensors", "history.json", "predictions.safetensors",
    ]  # fmt: skip
    assert train().exists()  # trained already


def test_more_processes_than_cores(
    spark: SparkSession, two_workers: Cluster, workspace: Workspace, recipe: Recipe
) -> None:
    with pytest.raises(UserError, match="the cluster has 2 cores"):
        train_on_cluster(spark, workspace, recipe, load_split(workspace, SPLIT), processes=64)
