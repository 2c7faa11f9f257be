"""Task `playlist-overlap`: compare the best test tracks of playlists by predicted and true factors (thesis table 6.7).

    query        each playlist with a test track
    predicted    warm playlist vector . predicted track factor
    true         playlist vector . track factor, both from all plays ("full")
    candidates   the N test tracks; chance is k/N

A dot product averages noise over many dimensions, so values are higher than those of `similar` for every model and
cannot be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unheard.arrays import Rows
from unheard.evaluate.measure import Figure, Measure, mean_of
from unheard.evaluate.similar_task import KS
from unheard.metrics.accuracy import overlap_at_k
from unheard.metrics.intervals import Resamples
from unheard.ranking import top_k
from unheard.recommend.catalogue import Catalogue
from unheard.recommend.csv_lists import playlist_blocks, playlists_with_tests
from unheard.recommend.models import ORACLE
from unheard.recommend.predicted import true_factors
from unheard.recommend.recommenders import Recommender

TASK = "playlist-overlap"


@dataclass(frozen=True)
class PlaylistTask:
    """Everything but the model. `true` is (playlist, max k) candidate columns."""

    catalogue: Catalogue
    playlists: Rows
    candidates: Rows
    ks: tuple[int, ...]
    true: Rows
    resamples: Resamples
    seed: int


def prepare_playlist_overlap(catalogue: Catalogue, resamples: Resamples, *, seed: int) -> PlaylistTask:
    """Return the task with its true lists.

    `resamples` are of the playlists with a test track; the catalogue has its full factors.
    """
    playlists, candidates = playlists_with_tests(catalogue), catalogue.candidates("cold", new=False)
    ks = tuple(k for k in KS if k <= len(candidates) - 1)
    true = _lists(catalogue, _truth(catalogue), playlists, candidates, max(ks, default=0), seed=seed)
    return PlaylistTask(catalogue, playlists, candidates, ks, true, resamples, seed)


def measure_playlist_overlap(task: PlaylistTask, recommender: Recommender) -> list[Measure]:
    """Return overlap@k of one model. The oracle is the truth itself, with an overlap of 1."""
    model = _truth(task.catalogue) if recommender.name == ORACLE else recommender
    depth = max(task.ks, default=0)
    found = _lists(task.catalogue, model, task.playlists, task.candidates, depth, seed=task.seed)
    measures = []
    for k in task.ks:
        overlap = overlap_at_k(found, task.true, k, n_candidates=len(task.candidates))
        figure = Figure(TASK, "cold", "overlap", k)
        measures.append(mean_of(figure, overlap, k / len(task.candidates), task.resamples))
    return measures


def _truth(catalogue: Catalogue) -> Recommender:
    if catalogue.full is None:
        raise ValueError("true lists need the full factors")
    return true_factors(catalogue.full, "true")


def _lists(
    catalogue: Catalogue, recommender: Recommender, playlists: Rows, candidates: Rows, depth: int, *, seed: int
) -> Rows:
    found = np.empty((len(playlists), depth), np.int32)
    for block in playlist_blocks(catalogue, recommender, playlists, candidates):
        found[block.rows] = top_k(block.scores, depth, seed=seed, queries=block.queries, candidates=candidates)
    return found
