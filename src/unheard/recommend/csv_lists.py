"""Write the lists behind an evaluation as CSV, from which every figure of `evaluate` can be recomputed.

    recs.csv   playlist_id, rank, track_id, score        write_recommendation_lists
    sim.csv    track_id, rank, neighbour_id, score       write_similar_lists

Ranks start at 1; scores are written with all digits of a float32. The lists are those that are measured: `cold`
candidates are the test tracks of the split; with `all`, a playlist's own train tracks are left out and its test tracks
are candidates; there is no artist cap, and ties are broken with the same seed.

recs.csv has every playlist with a track in the library; the figures of `recommend` are means over those with a test
track. sim.csv has the test tracks whose true neighbours are known, that is, those with plays.

Ids are written as they are, because programs join them with other tables: to a spreadsheet, one that begins with = is a
formula.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unheard.arrays import Rows
from unheard.atomic_files import atomic_path
from unheard.errors import UserError
from unheard.ids import IdMap
from unheard.progress import Progress, silent
from unheard.ranking import blocks, top_k
from unheard.recommend.catalogue import Candidates, Catalogue
from unheard.recommend.recommenders import Recommender, Scores
from unheard.splits import Use


@dataclass(frozen=True)
class Block:
    """Scores of some queries for all candidates; -inf where a pair is not allowed."""

    rows: slice  # of `queries` among all queries
    queries: Rows
    scores: Scores  # (query, candidate)


def playlists_with_tests(catalogue: Catalogue) -> Rows:
    """Return the playlists with a test track, with or without train plays: the queries of `recommend`."""
    return np.flatnonzero(np.diff(catalogue.plays_of(Use.TEST).indptr)).astype(np.int32)


def playlists_with_tracks(catalogue: Catalogue) -> Rows:
    """Return the playlists with a track of the library."""
    return np.flatnonzero(np.diff(catalogue.plays.indptr)).astype(np.int32)


def tests_with_plays(catalogue: Catalogue) -> Rows:
    """Return the test tracks with plays, and with a true factor if those are loaded: the queries of `similar`."""
    known = np.bincount(catalogue.plays.indices, minlength=len(catalogue)) > 0
    if catalogue.full is not None:  # a track with plays may be missing in imported factors
        known &= catalogue.full.known
    return np.flatnonzero((catalogue.use == Use.TEST) & known).astype(np.int32)


def playlist_blocks(
    catalogue: Catalogue, recommender: Recommender, playlists: Rows, candidates: Rows
) -> Iterator[Block]:
    """Yield scores of playlists; a playlist's own train tracks are not allowed."""
    yield from blocks_without_own(recommender, playlists, candidates, catalogue.plays_of(Use.TRAIN)[:, candidates])


def blocks_without_own(recommender: Recommender, playlists: Rows, candidates: Rows, own: csr_matrix) -> Iterator[Block]:
    """Yield scores of playlists; the pairs in `own` (m, candidate) are not allowed."""
    for rows in blocks(len(playlists), len(candidates)):
        queries = playlists[rows]
        scores = recommender.scores(queries, candidates)
        scores[own[queries].nonzero()] = -np.inf
        yield Block(rows, queries, scores)


def best_tracks(block: Block, candidates: Rows, *, n: int, seed: int) -> Iterator[tuple[NDArray[np.int32], Scores]]:
    """Yield columns and scores of the best `n` candidates of each query, best first; fewer if fewer are allowed."""
    columns = top_k(block.scores, n, seed=seed, queries=block.queries, candidates=candidates)
    for line, scores in zip(columns, block.scores, strict=True):
        found = line[line >= 0]
        yield found, scores[found]


def similar_blocks(
    recommender: Recommender,
    queries: Rows,
    candidates: Rows,
    *,
    n_tracks: int,
    not_same: NDArray[np.int32] | None = None,
) -> Iterator[Block]:
    """Yield similarities of tracks; a track is not its own neighbour.

    not_same  (n_tracks,) group of each track; candidates of the query's group are not allowed. None: all are
    """
    column = np.full(n_tracks, -1, np.int64)
    column[candidates] = np.arange(len(candidates))
    for rows in blocks(len(queries), len(candidates)):
        tracks = queries[rows]
        scores = recommender.similarities(tracks, candidates)
        own = column[tracks]
        scores[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        if not_same is not None:
            scores[not_same[tracks][:, None] == not_same[candidates][None, :]] = -np.inf
        yield Block(rows, tracks, scores)


def write_recommendation_lists(
    path: Path,
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    candidates: Candidates,
    n: int,
    left_out: Collection[str] = (),
    seed: int = 0,
    progress: Progress = silent,
) -> int:
    """Write recs.csv with up to `n` tracks per playlist; return the number of rows.

    Of a split that holds plays out, the lists are those that are measured. Of `live`, they are for use: the candidates
    include tracks that were added later, but none that is gone, in the playlist itself, or in `left_out` (ids).
    """
    playlists, rows = playlists_with_tracks(catalogue), catalogue.candidates(candidates, new=catalogue.is_live)
    if catalogue.is_live:
        rows = rows[~np.isin(rows, catalogue.tracks.ids.rows(sorted(left_out), missing=-1))]
        found = blocks_without_own(recommender, playlists, rows, catalogue.plays[:, rows])
    else:
        found = playlist_blocks(catalogue, recommender, playlists, rows)
    header = ("playlist_id", "rank", "track_id", "score")
    names = (catalogue.playlists, catalogue.tracks.ids)
    return _write(path, header, names, found, rows, n=n, seed=seed, total=len(playlists), progress=progress)


def write_similar_lists(
    path: Path,
    catalogue: Catalogue,
    recommender: Recommender,
    *,
    candidates: Candidates,
    n: int,
    seed: int = 0,
    progress: Progress = silent,
) -> int:
    """Write sim.csv with up to `n` neighbours per test track; return the number of rows.

    UserError for a split without test tracks that have plays, such as `live`.
    """
    queries, rows = tests_with_plays(catalogue), catalogue.candidates(candidates, new=False)
    if not len(queries):
        name = catalogue.split.name
        raise UserError(f"split {name!r} has no test track with plays; name another one, such as --split artists")
    found = similar_blocks(recommender, queries, rows, n_tracks=len(catalogue))
    header = ("track_id", "rank", "neighbour_id", "score")
    names = (catalogue.tracks.ids, catalogue.tracks.ids)
    return _write(path, header, names, found, rows, n=n, seed=seed, total=len(queries), progress=progress)


def _write(
    path: Path,
    header: tuple[str, ...],
    names: tuple[IdMap, IdMap],
    found: Iterator[Block],
    candidates: Rows,
    *,
    n: int,
    seed: int,
    total: int,
    progress: Progress,
) -> int:
    """Write the best `n` candidates of each query; return the number of rows.

    names  ids of the queries and of the tracks
    total  number of queries, for `progress`
    """
    written = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for block in found:
            best = best_tracks(block, candidates, n=n, seed=seed)
            for query, (columns, scores) in zip(block.queries, best, strict=True):
                ids = names[1].take(candidates[columns])
                name = names[0][int(query)]
                table.writerows(zip([name] * len(ids), range(1, len(ids) + 1), ids, scores.tolist(), strict=True))
                written += len(ids)
            progress("lists", block.rows.stop, total)
    return written
