"""Rank all candidates for all playlists on the cluster, by blocks of playlists: the kernel of `--all-playlists`.

Every worker process holds the model's arrays; scores exist a block at a time. MLlib's recommendForAll, which joins all
blocks of both sides, is not used.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from unheard.arrays import Rows
from unheard.cluster.spark import Numbers, over_ranges
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue, load_catalogue
from unheard.recommend.csv_lists import Block, best_tracks, blocks_without_own, playlists_with_tracks
from unheard.recommend.first_plays import with_first_plays
from unheard.recommend.models import choose_model, make_recommender, split_for_use
from unheard.recommend.recommenders import Recommender, Scores
from unheard.splits import Use
from unheard.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLAYLISTS_PER_TASK = 512
POOL = 4  # times as many tracks are ranked as are listed, when caps apply; all, where these are too few
SCHEMA = pa.schema(
    {
        "playlist_id": pa.string(),
        "rank": pa.list_(pa.int32()),
        "track_id": pa.list_(pa.string()),
        "score": pa.list_(pa.float32()),
    }
)


def lists_on_cluster(
    spark: SparkSession,
    workspace: Workspace,
    split: str | None,
    model: str | None,
    out: Path,
    *,
    k: int,
    seed: int = 0,
    cap: int | None = None,
) -> int:
    """Write the `k` best cold tracks of every playlist as a folder of Parquet files; return the number of rows.

    Columns and rows are those of `unheard recommend --all-playlists --candidates cold`, except that tracks which were
    scanned after the split was made are candidates too, and under `live` the tracks without plays.

    cap  as in `unheard recommend --playlist`: at most so many tracks of an artist and of an album, each song once, and
         none that the playlist has a version of; None: as `--all-playlists`, which measures, without caps
    """
    catalogue = load_catalogue(workspace, split or split_for_use(workspace))
    name, _ = choose_model(workspace, catalogue, model)
    recommender = with_first_plays(workspace, catalogue, make_recommender(workspace, catalogue, name, seed=seed))
    shared = _shared(catalogue, recommender, k, seed) | ({} if cap is None else _groups(catalogue, cap))
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
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)
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


def _groups(catalogue: Catalogue, cap: int) -> dict[str, Any]:
    """Return what caps need: song, main artist and album of each candidate, and the songs of the playlists."""
    candidates = catalogue.candidates("cold", new=True)
    groups = {name: getattr(catalogue, name)[candidates].tolist() for name in ("song", "main_artist", "album")}
    plays = catalogue.plays
    return groups | {"cap": cap, "own_songs": (catalogue.song[plays.indices], plays.indptr)}


def _capped(order: Rows, playlist: int, shared: dict[str, Any]) -> list[int]:
    """Return the first `k` columns of `order`, best first, that the cap allows."""
    songs, indptr = shared["own_songs"]
    taken = set(songs[indptr[playlist] : indptr[playlist + 1]].tolist())
    of_artist, of_album = Counter[int](), Counter[int]()
    kept: list[int] = []
    for column in order.tolist():
        song, artist, album = (shared[name][column] for name in ("song", "main_artist", "album"))
        if song in taken or of_artist[artist] >= shared["cap"] or of_album[album] >= shared["cap"]:
            continue
        taken.add(song)
        of_artist[artist] += 1
        of_album[album] += 1
        kept.append(column)
        if len(kept) == shared["k"]:
            break
    return kept


def _best(block: Block, candidates: Rows, shared: dict[str, Any]) -> Iterator[tuple[Rows, Scores]]:
    """Yield columns and scores of the best candidates of each playlist, best first."""
    k, seed = shared["k"], shared["seed"]
    if "cap" not in shared:
        yield from best_tracks(block, candidates, n=k, seed=seed)
        return
    for row, playlist in enumerate(block.queries.tolist()):
        here, columns = slice(row, row + 1), np.zeros(0, np.int32)
        for pool in (POOL * k, len(candidates)):  # a few are usually enough
            order = top_k(block.scores[here], pool, seed=seed, queries=block.queries[here], candidates=candidates)[0]
            columns = np.array(_capped(order[order >= 0], playlist, shared), np.int32)
            if len(columns) == k:
                break
        yield columns, block.scores[row, columns]


def _lists(numbers: Numbers, shared: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rank for some playlists, on an executor."""
    playlists, candidates = shared["playlists"][numbers], shared["candidates"]
    names, ids = (np.array(shared[name], object) for name in ("names", "ids"))
    done = 0
    for block in blocks_without_own(shared["recommender"], playlists, candidates, shared["own"]):
        for columns, scores in _best(block, candidates, shared):
            yield {
                "playlist_id": names[numbers[done]],
                "rank": list(range(1, len(columns) + 1)),
                "track_id": ids[columns].tolist(),
                "score": scores.tolist(),
            }
            done += 1
