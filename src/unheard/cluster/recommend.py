"""Rank all candidates for all playlists on the cluster, by blocks of playlists: the kernel of `--all-playlists`.

Every worker process holds the model's arrays; scores exist a block at a time. MLlib's recommendForAll, which joins all
blocks of both sides, is not used.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from unheard.cluster.spark import Numbers, over_ranges
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.csv_lists import best_tracks, blocks_without_own, playlists_with_tracks
from unheard.recommend.first_plays import with_first_plays
from unheard.recommend.models import choose_model, make_recommender, split_for_use
from unheard.recommend.recommenders import Recommender
from unheard.splits import Use
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLAYLISTS_PER_TASK = 512
SCHEMA = pa.schema(
    {
        "playlist_id": pa.string(),
        "rank": pa.list_(pa.int32()),
        "track_id": pa.list_(pa.string()),
        "score": pa.list_(pa.float32()),
    }
)


def lists_on_cluster(
    spark: SparkSession, workspace: Workspace, split: str | None, model: str | None, out: Path, *, k: int, seed: int = 0
) -> int:
    """Write the `k` best cold tracks of every playlist as a folder of Parquet files; return the number of rows.

    Columns and rows are those of `unheard recommend --all-playlists --candidates cold`, except that tracks which were
    scanned after the split was made are candidates too, and under `live` the tracks without plays. No caps apply.
    """
    catalogue = load_catalogue(workspace, split or split_for_use(workspace))
    name, _ = choose_model(workspace, catalogue, model)
    recommender = with_first_plays(workspace, catalogue, make_recommender(workspace, catalogue, name, seed=seed))
    shared = _shared(catalogue, recommender, k, seed)
    partial, out = out.resolve().with_name(f".{out.name}.partial"), out.resolve()
    frame = over_ranges(
        spark,
        len(shared["names"]),
        per_task=PLAYLISTS_PER_TASK,
        function=_lists,
        shared=shared,
        schema=SCHEMA,
    )
    exploded = frame.selectExpr("playlist_id", "inline(arrays_zip(rank, track_id, score))")
    exploded.write.mode("overwrite").parquet(partial.as_uri())
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return int(spark.read.parquet(out.as_uri()).count())


def _shared(catalogue: Catalogue, recommender: Recommender, k: int, seed: int) -> dict[str, Any]:
    """Return what a task needs, without the catalogue's tracks."""
    playlists, candidates = playlists_with_tracks(catalogue), catalogue.candidates("cold", new=True)
    return {
        "recommender": recommender,
        "playlists": playlists,
        "names": catalogue.playlists.take(playlists),
        "candidates": candidates,
        "ids": catalogue.tracks.ids.take(candidates),
        "own": catalogue.plays_of(Use.TRAIN)[:, candidates],
        "k": k,
        "seed": seed,
    }


def _lists(numbers: Numbers, shared: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rank for some playlists, on an executor."""
    playlists, candidates = shared["playlists"][numbers], shared["candidates"]
    names, ids = (np.array(shared[name], object) for name in ("names", "ids"))
    done = 0
    for block in blocks_without_own(shared["recommender"], playlists, candidates, shared["own"]):
        for columns, scores in best_tracks(block, candidates, n=shared["k"], seed=shared["seed"]):
            yield {
                "playlist_id": names[numbers[done]],
                "rank": list(range(1, len(columns) + 1)),
                "track_id": ids[columns].tolist(),
                "score": scores.tolist(),
            }
            done += 1
