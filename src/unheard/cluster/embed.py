"""Encode the tracks of a library with a trained model on the cluster; the artefact is that of the local stage.

A task gets the records of some tracks, reads their features or spectrograms and the model from the workspace, and
encodes them as the local stage does: it opens the workspace with a library of these tracks only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from unheard.arrays import Floats
from unheard.cluster.spark import Numbers, over_ranges
from unheard.ids import IdMap
from unheard.library import Library, Track
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from unheard.inference.network_encoder import NetworkEncoder
    from unheard.inference.ranker_encoder import RankerEncoder

TRACKS_PER_TASK = 2048  # of a blend, which reads vectors
SONGS_PER_TASK = 64  # of a network, which reads spectrograms
TRACKS_AT_ONCE = 200_000  # whose records are sent and whose embeddings come back together
SCHEMA = pa.schema({"n": pa.int64(), "embeddings": pa.binary(), "factors": pa.binary()})


def embed_on_cluster(spark: SparkSession, workspace: Workspace, split: str, model: str) -> int:
    """Do what `update_predictions` does for all tracks with features; return how many were encoded."""
    from unheard.inference.update_predictions import update_predictions

    return update_predictions(
        workspace, split, model, encode=partial(encode_on_cluster, spark, workspace, split, model)
    )


def encode_on_cluster(
    spark: SparkSession, workspace: Workspace, split: str, model: str, library: Library, ids: Sequence[str]
) -> tuple[Floats, Floats]:
    """Return embeddings (n, k) and factors (n, dim) of tracks; of a network, the embeddings are (n, 0)."""
    from unheard.inference.predictions import is_ranker

    tracks = library.tracks()
    chosen = [tracks[tracks.ids.row(name)] for name in ids]
    per_task = TRACKS_PER_TASK if is_ranker(workspace, split, model) else SONGS_PER_TASK
    rows: list[Any] = []
    for first in range(0, len(chosen), TRACKS_AT_ONCE):
        part = chosen[first : first + TRACKS_AT_ONCE]
        rows += over_ranges(
            spark,
            len(part),
            per_task=per_task,
            function=_encoded,
            shared=(str(workspace.root.resolve()), split, model, part),
            schema=SCHEMA,
        ).collect()
    return tuple(
        np.concatenate([np.frombuffer(row[name], np.float32).reshape(row.n, -1) for row in rows])
        for name in ("embeddings", "factors")
    )  # type: ignore[return-value]


def _encoded(numbers: Numbers, shared: tuple[str, str, str, Sequence[Track]]) -> Iterator[dict[str, Any]]:
    """Encode some tracks, on an executor."""
    from threadpoolctl import threadpool_limits

    root, split, model, tracks = shared
    workspace, mine = Workspace.open(Path(root)), [tracks[number] for number in numbers]
    with threadpool_limits(1), Library(Path(":memory:")) as library:
        with library.transaction():
            for track in mine:
                library.put_track(track)
        ids, embeddings, factors = _encode(workspace, library, _encoder(root, split, model))
    assert list(ids) == [track.track_id for track in mine]
    yield {"n": len(mine), "embeddings": embeddings.tobytes(), "factors": factors.tobytes()}


def _encode(
    workspace: Workspace, library: Library, encoder: NetworkEncoder | RankerEncoder
) -> tuple[IdMap, Floats, Floats]:
    from unheard.inference.network_encoder import NetworkEncoder
    from unheard.inference.stored_input import open_input

    if not isinstance(encoder, NetworkEncoder):
        return encoder.encode_library(workspace, library)
    stored = open_input(workspace, library, encoder.reads)
    factors = encoder.from_stored(stored, np.arange(len(stored.ids)))
    return stored.ids, np.zeros((len(factors), 0), np.float32), factors


@cache
def _encoder(root: str, split: str, model: str) -> NetworkEncoder | RankerEncoder:
    """Return the model; a worker process of Spark serves one session, and keeps it for all of its tasks."""
    import torch

    from unheard.inference.load import load_encoder

    torch.set_num_threads(1)
    return load_encoder(Workspace.open(Path(root)), split, model, device="cpu")
