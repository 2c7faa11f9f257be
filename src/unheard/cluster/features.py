"""Extract features from audio files on the cluster: the tasks of `unheard features`, run by executors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from unheard.cluster.scan import run_on_cluster
from unheard.features.update import UpdateReport, update_features
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def features_on_cluster(
    spark: SparkSession,
    workspace: Workspace,
    kinds: Sequence[str],
    *,
    force: bool = False,
    progress: Progress = silent,
) -> list[UpdateReport]:
    """Do what `update_features` does; kinds that are computed from stored spectrograms are extracted by the driver."""
    run = partial(run_on_cluster, spark, workspace)
    return update_features(workspace, kinds, force=force, progress=progress, run=run)
