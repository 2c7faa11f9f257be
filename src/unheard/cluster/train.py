"""Train a network in several processes of the cluster, one on each of as many cores; the artefacts are the local ones.

A barrier stage of Spark starts all processes together, or none. The first names a port of its machine, and the
processes train as training/networks/data_parallel.py describes. When one of them ends, all end, and so does the
command; the next one goes on from the last checkpoint.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from unheard.errors import UserError
from unheard.inference.predictions import NETWORK_FILE
from unheard.ingest.decoders import decoder_versions
from unheard.models.recipe import Recipe
from unheard.splits import Split, load_split
from unheard.training.networks.train_network import CHECKPOINT_S, model_name, train_network
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def train_on_cluster(
    spark: SparkSession,
    workspace: Workspace,
    recipe: Recipe,
    split: Split,
    *,
    processes: int,
    seed: int = 0,
    checkpoint_s: float = CHECKPOINT_S,
) -> Path:
    """Do what `train_network` does in `processes` processes of the cluster; return the path of the checkpoint."""
    slots = spark.sparkContext.defaultParallelism
    if processes > slots:
        raise UserError(f"--processes {processes}: the cluster has {slots} cores; choose fewer, or start more workers")
    root, versions = str(workspace.root.resolve()), decoder_versions()

    def run(_: Iterable[int]) -> Iterator[str]:
        yield _train(root, recipe, split.name, processes, seed, versions, checkpoint_s)

    spark.sparkContext.parallelize(range(processes), processes).barrier().mapPartitions(run).collect()
    return workspace.model_dir(split.name, model_name(recipe, seed)) / NETWORK_FILE


def _train(root: str, recipe: Recipe, split: str, processes: int, seed: int, versions: str, checkpoint_s: float) -> str:
    """Train in one process, on an executor."""
    import torch
    from pyspark import BarrierTaskContext

    from unheard.training.networks.data_parallel import process_group

    if (here := decoder_versions()) != versions:
        raise UserError(f"an executor has {here}, the driver {versions}; install the same versions everywhere")
    context = BarrierTaskContext.get()
    rank, host = context.partitionId(), context.getTaskInfos()[0].address.rpartition(":")[0]
    address = context.allGather(f"{host}:{_free_port(host)}" if rank == 0 else "")[0]
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    workspace = Workspace.open(Path(root))
    with process_group(address, rank, processes):
        path = train_network(
            workspace,
            recipe,
            load_split(workspace, split),
            seed=seed,
            device="cpu",
            checkpoint_s=checkpoint_s,
        )
    return str(path)


def _free_port(host: str) -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        return int(free.getsockname()[1])
