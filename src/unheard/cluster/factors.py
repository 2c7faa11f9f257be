"""Fit implicit ALS by MLlib on indexed plays; splits, fold-in and the artefact are those of the local stage.

MLlib multiplies the penalty of a row by its number of plays, and ours does not (factors/als.py). The penalty is divided
by the mean number of plays, so that the penalties of both are equal on average.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from unheard.arrays import Floats
from unheard.errors import UserError
from unheard.factors.als import AlsConfig, FactorPair, confidence, too_large
from unheard.factors.stage import compute_factors
from unheard.progress import Progress, silent
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

PLAYS_PER_FILE = 4_000_000  # 48 MB
CHECKPOINT_EVERY = 5  # iterations: without, 20 of them overflow the stack of an executor that reads their lineage


def factors_on_cluster(
    spark: SparkSession, workspace: Workspace, split: str | None, config: AlsConfig, *, progress: Progress = silent
) -> list[str]:
    """Do what `compute_factors` does, and fit on the cluster."""
    with scratch_folder(workspace) as scratch:
        return compute_factors(workspace, split, config, fit=partial(fit_mllib, spark, scratch), progress=progress)


def fit_mllib(
    spark: SparkSession, scratch: Path, plays: csr_matrix, config: AlsConfig, *, progress: Progress = silent
) -> FactorPair:
    """Return what `fit_als` returns: factors of playlists (m, dim) and tracks (n, dim), float32.

    scratch  folder that every machine sees; plays go and factors come through Parquet files in it

    Two runs are equal but for rounding, because the order of sums depends on the network.
    """
    from pyspark.ml.recommendation import ALS

    if not config.alpha > 0:
        raise UserError(f"alpha is {config.alpha}, and MLlib needs more than 0; choose another, or fit on one machine")
    c = confidence(plays, config)
    if not c.nnz:
        return np.zeros((c.shape[0], config.dim), np.float32), np.zeros((c.shape[1], config.dim), np.float32)
    folder = scratch / uuid.uuid4().hex
    _write_plays(folder / "plays", c)
    rows = np.count_nonzero(np.diff(c.indptr)) + len(np.unique(c.indices))
    blocks = max(2, spark.sparkContext.defaultParallelism)
    spark.sparkContext.setCheckpointDir((folder / "checkpoints").as_uri())
    progress("ALS on the cluster", 0, 1)
    model = ALS(
        rank=config.dim,
        maxIter=config.iterations,
        regParam=config.regularization * rows / (2 * c.nnz),
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        checkpointInterval=CHECKPOINT_EVERY,
        implicitPrefs=True,
        alpha=1.0,  # the ratings are alpha r already
        userCol="playlist",
        itemCol="track",
        ratingCol="extra",
        seed=config.seed,
    ).fit(spark.read.parquet((folder / "plays").as_uri()))
    fitted = (
        _factors(model.userFactors, folder / "playlists", c.shape[0], config.dim),
        _factors(model.itemFactors, folder / "tracks", c.shape[1], config.dim),
    )
    if not all(np.isfinite(part).all() for part in fitted):
        raise too_large(plays)
    progress("ALS on the cluster", 1, 1)
    shutil.rmtree(folder)
    return fitted


@contextmanager
def scratch_folder(workspace: Workspace) -> Iterator[Path]:
    """Yield a new folder in the workspace, and delete it."""
    folder = (workspace.root / f".cluster-{uuid.uuid4().hex[:8]}").resolve()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_plays(folder: Path, c: csr_matrix) -> None:
    """Write (playlist, track, c - 1), some rows a file, so that the executors share the reading."""
    folder.mkdir(parents=True)
    playlists = np.repeat(np.arange(c.shape[0], dtype=np.int32), np.diff(c.indptr))
    for number, first in enumerate(range(0, c.nnz, PLAYS_PER_FILE)):
        part = slice(first, first + PLAYS_PER_FILE)
        columns = {"playlist": playlists[part], "track": c.indices[part].astype(np.int32), "extra": c.data[part] - 1}
        pq.write_table(pa.table(columns), folder / f"{number:06d}.parquet")


def _factors(frame: DataFrame, folder: Path, n: int, dim: int) -> Floats:
    """Return factors (n, dim) of a model; rows without plays are zero."""
    frame.write.parquet(folder.as_uri())
    factors = np.zeros((n, dim), np.float32)
    for batch in pads.dataset(folder, format="parquet").to_batches(columns=["id", "features"]):
        values = batch.column("features").flatten().to_numpy()
        factors[batch.column("id").to_numpy()] = values.reshape(-1, dim)
    return factors
